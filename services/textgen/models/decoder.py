"""Decoder-only models of transformers, stepped as one running batch (port DecoderRunner) and scored (Scorer).

The batch's keys and values lie in one DynamicCache, each row padded on its left to the longest. Newcomers are
read as a batch of their own and then joined to it; rows that end are cut out, and padding that no row needs
any more with them. Positions and mask are explicit, so a row's result does not depend on its neighbours.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

from textgen.models.base import RowKey, RowSpec, Sampled
from textgen.models.memory import out_of_memory_refused
from textgen.models.sampling import RowSampler, sample


def left_padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both (rows, longest), of rows padded on the left."""
    width = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, width - len(row) :] = torch.tensor(row)
        mask[place, width - len(row) :] = 1
    return ids.to(device), mask.to(device)


def positions(mask: Tensor) -> Tensor:
    """Position of each cell in its row, (rows, width); padding counts as 0."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


class TorchDecoder:
    """A causal language model."""

    def __init__(self, model: Any, *, start_token: int | None) -> None:
        self._model = model
        self._device: torch.device = model.device
        self._start_token = start_token
        self._keys: list[RowKey] = []
        self._samplers: list[RowSampler] = []
        self._last: list[int] = []  # the token of each row that the cache does not hold yet
        self._mask = torch.zeros(
            0, 0, dtype=torch.long, device=self._device
        )  # (rows, cells): cell is the row's
        self._cache: DynamicCache | None = None

    @torch.inference_mode()
    def prefill(self, rows: Sequence[RowSpec]) -> Mapping[RowKey, Sampled | Exception]:
        """Read the prompts of newcomers, join them to the batch and choose each one's first token."""
        # DynamicCache without the config keeps all keys: a sliding window is then the mask's matter alone.
        cache = DynamicCache()
        ids, mask = left_padded([row.prompt for row in rows], self._device)
        logits = self._forward(ids, mask, positions(mask), cache, keep=1)[:, -1]
        samplers = [RowSampler(row.sampling, row.seed, row.prompt, row.constraint) for row in rows]
        results = sample(logits, samplers)
        with out_of_memory_refused():
            self._join(cache, mask)
        self._keys += [row.key for row in rows]
        self._samplers += samplers
        self._last += [_token(result) for result in results]
        return dict(zip((row.key for row in rows), results, strict=True))

    @torch.inference_mode()
    def decode(self) -> Mapping[RowKey, Sampled | Exception]:
        """One step of the whole batch."""
        if self._cache is None:
            return {}
        ids = torch.tensor(self._last, device=self._device)[:, None]
        place = self._mask.sum(-1, keepdim=True)
        self._mask = pad(self._mask, (0, 1), value=1)
        logits = self._forward(ids, self._mask, place, self._cache, keep=1)[:, -1]
        results = sample(logits, self._samplers)
        self._last = [_token(result) for result in results]
        return dict(zip(self._keys, results, strict=True))

    @torch.inference_mode()
    def drop(self, keys: Collection[RowKey]) -> None:
        """Cut rows out, and the padding that only they needed."""
        kept = [place for place, key in enumerate(self._keys) if key not in keys]
        if self._cache is None or len(kept) == len(self._keys):
            return
        if not kept:
            self.clear()
            return
        rows = torch.tensor(kept, device=self._device)
        self._mask = self._mask[rows]
        cut = self._mask.shape[1] - int(self._mask.sum(-1).max())  # cells before the longest row
        self._mask = self._mask[:, cut:]
        for layer in self._layers(self._cache):
            layer.keys = layer.keys[rows, :, cut:]
            layer.values = layer.values[rows, :, cut:]
        self._keys = [self._keys[place] for place in kept]
        self._samplers = [self._samplers[place] for place in kept]
        self._last = [self._last[place] for place in kept]

    def clear(self) -> None:
        """Forget all rows."""
        self._keys, self._samplers, self._last = [], [], []
        self._cache = None

    @torch.inference_mode()
    def score(self, items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
        """Log-probabilities of target tokens, in nats, each given the condition and the targets before it.

        Where the condition is empty, it is the model's start token; without one the first target has none, and
        its place in the answer is missing.
        """
        start = [] if self._start_token is None else [self._start_token]
        rows = [
            ([*(condition or start), *targets], condition or start, targets) for condition, targets in items
        ]
        ids, mask = left_padded([row for row, _, _ in rows], self._device)
        keep = max(len(targets) for _, _, targets in rows) + 1
        logits = self._forward(ids, mask, positions(mask), None, keep=keep)  # (rows, <= keep, vocabulary)
        answers: list[list[float]] = []
        for place, (_, condition, targets) in enumerate(rows):
            wanted = targets if condition else targets[1:]
            last = logits[place, -len(wanted) - 1 : -1] if wanted else logits[place, :0]
            chosen = (
                last.float().log_softmax(-1).gather(1, torch.tensor([wanted], device=self._device).long().T)
            )
            answers.append(chosen[:, 0].tolist())
        return answers

    def _forward(
        self, ids: Tensor, mask: Tensor, place: Tensor, cache: DynamicCache | None, *, keep: int
    ) -> Tensor:
        with out_of_memory_refused():
            output = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=place,
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=keep,
            )
        logits: Tensor = output.logits
        return logits

    def _join(self, cache: DynamicCache, mask: Tensor) -> None:
        if self._cache is None:
            self._cache, self._mask = cache, mask
            return
        width = max(mask.shape[1], self._mask.shape[1])
        joined = [  # all of it before any of it is kept: running out of memory leaves the old batch whole
            (_stacked(old.keys, new.keys, width, -2), _stacked(old.values, new.values, width, -2))
            for old, new in zip(self._layers(self._cache), self._layers(cache), strict=True)
        ]
        self._mask = _stacked(self._mask, mask, width, -1)
        for layer, (keys, values) in zip(self._layers(self._cache), joined, strict=True):
            layer.keys, layer.values = keys, values

    @staticmethod
    def _layers(cache: DynamicCache) -> list[Any]:
        return list(cache.layers)


def _token(result: Sampled | Exception) -> int:
    # A row that failed is dropped before the next step; until then any token will do.
    return result.token_id if isinstance(result, Sampled) else 0


def _stacked(old: Tensor, new: Tensor, width: int, dim: int) -> Tensor:
    """Rows of both, with zeros on the left of a dimension (-1: cells; -2: cells, head width) up to a width."""
    return torch.cat(
        [
            pad(each, (width - each.shape[dim], 0) if dim == -1 else (0, 0, width - each.shape[dim], 0))
            for each in (old, new)
        ]
    )
