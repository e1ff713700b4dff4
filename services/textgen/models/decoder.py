"""Decoder-only models of transformers, stepped over a cache of blocks (port DecoderRunner) and scored (Scorer).

Whatever a model's attention computes, it is ours that runs: transformers calls the function registered in
`paged_attention`. So one runner serves every decoder whose layers all attend, with a window or without.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from textgen.models.base import RowKey, RowSpec, Sampled
from textgen.models.block_cache import BlockCache, Cached
from textgen.models.checkpoint import ModelLoadError
from textgen.models.memory import out_of_memory_refused
from textgen.models.paged_attention import NAME, Attention, Probe, Uncached
from textgen.models.sampling import RowSampler, sample
from textgen.scheduler import Span


class TorchDecoder:
    """A causal language model."""

    def __init__(self, model: Any, *, start_token: int | None, blocks: int) -> None:
        """ModelLoadError when one of its layers keeps anything but keys and values."""
        self._model = model
        self._device: torch.device = model.device
        self._start_token = start_token
        self._samplers: dict[RowKey, RowSampler] = {}
        try:
            model.set_attn_implementation(NAME)
            probe = Probe()
            self._forward([0], [0], probe, torch.zeros(1, dtype=torch.long))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelLoadError(
                f"{type(model).__name__} does not let its attention be replaced: {error}"
            ) from error
        layers = model.config.get_text_config().num_hidden_layers
        if [layer for layer, _ in probe.shapes] != list(range(layers)):
            raise ModelLoadError(
                f"{type(model).__name__} has layers that keep no keys and values of their own"
            )
        self._cache = BlockCache([shape for _, shape in probe.shapes], blocks, model.dtype, self._device)

    def join(self, row: RowSpec) -> None:
        """Keep how a sequence chooses."""
        self._samplers[row.key] = RowSampler(row.sampling, row.seed, row.prompt, row.constraint)

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, from and to."""
        if blocks:
            self._cache.copy(blocks)

    def step(self, spans: Sequence[Span]) -> Mapping[RowKey, Sequence[Sampled] | Exception]:
        """Compute the spans; what those that choose have chosen: one token, and one more for each right draft."""
        lengths = [len(span.tokens) for span in spans]
        starts = [span.start for span in spans]
        wanted: list[int] = []  # places of the tokens after which something is chosen
        firsts: dict[RowKey, int] = {}
        end = 0
        for span, length in zip(spans, lengths, strict=True):
            end += length
            if span.chooses:
                firsts[span.key] = len(wanted)
                wanted += range(end - 1 - span.drafts, end)
        cached = Cached(self._cache, [span.blocks for span in spans], starts, lengths, self._device)
        logits = self._forward(
            [token for span in spans for token in span.tokens],
            [
                place
                for start, length in zip(starts, lengths, strict=True)
                for place in range(start, start + length)
            ],
            cached,
            torch.tensor(wanted, dtype=torch.long, device=self._device),
        )
        return self._choose(logits, {span.key: span for span in spans if span.chooses}, firsts)

    def drop(self, keys: Collection[RowKey]) -> None:
        """Forget how sequences choose; their blocks are the scheduler's matter."""
        for key in keys:
            self._samplers.pop(key, None)

    def renewed(self) -> "TorchDecoder":
        """Another over the same weights, with a cache of its own."""
        return TorchDecoder(self._model, start_token=self._start_token, blocks=self._cache.blocks)

    def score(self, items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
        """Log-probabilities of target tokens, in nats, each given the condition and the targets before it.

        Where the condition is empty, it is the model's start token; without one the first target has none, and
        its place in the answer is missing.
        """
        start = [] if self._start_token is None else [self._start_token]
        given = [len(condition or start) for condition, _ in items]
        rows = [[*(condition or start), *targets] for condition, targets in items]
        wanted: list[int] = []
        targets: list[int] = []
        end = 0
        for row, known in zip(rows, given, strict=True):
            scored = row[max(known, 1) :]
            wanted += range(end + len(row) - 1 - len(scored), end + len(row) - 1)
            targets += scored
            end += len(row)
        logits = self._forward(
            [token for row in rows for token in row],
            [place for row in rows for place in range(len(row))],
            Uncached([len(row) for row in rows]),
            torch.tensor(wanted, dtype=torch.long, device=self._device),
        )
        ids = torch.tensor(targets, dtype=torch.long, device=self._device)[:, None]
        values = iter(logits.float().log_softmax(-1).gather(1, ids)[:, 0].tolist())
        return [
            [next(values) for _ in range(len(row) - max(known, 1))]
            for row, known in zip(rows, given, strict=True)
        ]

    def _choose(
        self, logits: Tensor, spans: Mapping[RowKey, Span], firsts: Mapping[RowKey, int]
    ) -> Mapping[RowKey, Sequence[Sampled] | Exception]:
        """Draws from logits (wanted, vocabulary), going on in a sequence for as long as its drafts are right."""
        answers: dict[RowKey, list[Sampled] | Exception] = {}
        going, depth = list(spans), 0
        while going:
            rows = torch.tensor([firsts[key] + depth for key in going], device=self._device)
            drawn = sample(logits[rows], [self._samplers[key] for key in going])
            right = []
            for key, result in zip(going, drawn, strict=True):
                span = spans[key]
                if isinstance(result, Exception):
                    answers[key] = result
                    continue
                chosen = answers.setdefault(key, [])
                assert isinstance(chosen, list)
                chosen.append(result)
                guess = len(span.tokens) - span.drafts + depth
                if depth < span.drafts and span.tokens[guess] == result.token_id:
                    right.append(key)
            going, depth = right, depth + 1
        return answers

    @torch.inference_mode()
    def _forward(
        self, tokens: Sequence[int], places: Sequence[int], attention: Attention, wanted: Tensor
    ) -> Tensor:
        """Logits (wanted, vocabulary) after the wanted places of tokens that lie behind each other."""
        with out_of_memory_refused():
            output = self._model(
                input_ids=torch.tensor([tokens], device=self._device),
                position_ids=torch.tensor([places], device=self._device),
                use_cache=False,
                logits_to_keep=wanted,
                paged=attention,
            )
        logits: Tensor = output.logits[0]
        return logits
