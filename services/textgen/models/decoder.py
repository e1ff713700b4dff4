"""Decoders over a cache of blocks: the port DecoderRunner, and Scorer. What computes the logits is a Network."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from textgen.models.base import RowKey, RowSpec, Sampled, Stepped
from textgen.models.lora_files import Pairs
from textgen.models.memory import out_of_memory_refused
from textgen.models.sampling import RowSampler, likelihoods, sample
from textgen.scheduler import Span


class Network(Protocol):
    """A causal language model with a cache. Tokens lie behind each other; `wanted` are places among them."""

    @property
    def linears(self) -> Mapping[str, tuple[int, int]]:
        """(inputs, outputs) of the layers that adapters may change, by transformers' names."""
        ...

    def adapted(self, pairs: Pairs) -> Any:
        """What spans carry as their adapter's weights."""
        ...

    def compute(self, spans: Sequence[Span], wanted: Sequence[int]) -> Tensor:
        """Logits (wanted, vocabulary) over the cache."""
        ...

    def compute_alone(self, rows: Sequence[Sequence[int]], wanted: Sequence[int]) -> Tensor:
        """Logits (wanted, vocabulary) of rows of which nothing is kept."""
        ...

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Copy blocks' contents, from and to."""
        ...

    def summarise(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Of each row of logits (rows, vocabulary) float32: the likeliest token, and log(sum(exp))."""
        ...

    def renewed(self) -> "Network":
        """The same weights, another cache."""
        ...


class Decoder:
    """A running batch over a network; also scores given texts."""

    def __init__(self, network: Network, *, start_token: int | None) -> None:
        self._network = network
        self._start_token = start_token
        self._samplers: dict[RowKey, RowSampler] = {}

    def join(self, row: RowSpec) -> None:
        """Keep how a sequence chooses."""
        self._samplers[row.key] = RowSampler(row.sampling, row.seed, row.prompt, row.constraint)

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, from and to."""
        if blocks:
            self._network.copy(blocks)

    @torch.inference_mode()
    def step(self, spans: Sequence[Span]) -> Stepped:
        """Compute the spans; what those that choose have chosen: one token, and one more for each right draft."""
        wanted: list[int] = []  # places of the tokens after which something is chosen or scored
        choosing: list[tuple[Span, int]] = []  # and the first row of the logits
        scored: dict[RowKey, tuple[int, Sequence[int]]] = {}
        end = 0
        for span in spans:
            if span.scored:
                scored[span.key] = len(wanted), span.scored
                wanted += range(end, end + len(span.scored))
            end += len(span.tokens)
            if span.chooses:
                choosing.append((span, len(wanted)))
                wanted += range(end - 1 - span.drafts, end)
        with out_of_memory_refused():
            logits = self._network.compute(spans, wanted)
        chosen = self._choose(logits, choosing)
        read = {
            key: likelihoods(
                logits[first : first + len(tokens)], tokens, self._samplers[key].sampling.prompt_logprobs or 0
            )
            for key, (first, tokens) in scored.items()
        }
        return Stepped(chosen, read)

    def drop(self, keys: Collection[RowKey]) -> None:
        """Forget how sequences choose; their blocks are the scheduler's matter."""
        for key in keys:
            self._samplers.pop(key, None)

    def renewed(self) -> "Decoder":
        """Another over the same weights, with a cache of its own."""
        return Decoder(self._network.renewed(), start_token=self._start_token)

    @torch.inference_mode()
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
        with out_of_memory_refused():
            logits = self._network.compute_alone(rows, wanted)
        ids = torch.tensor(targets, dtype=torch.long, device=logits.device)[:, None]
        values = iter(logits.float().log_softmax(-1).gather(1, ids)[:, 0].tolist())
        return [
            [next(values) for _ in range(len(row) - max(known, 1))]
            for row, known in zip(rows, given, strict=True)
        ]

    def _choose(
        self, logits: Tensor, going: list[tuple[Span, int]]
    ) -> Mapping[RowKey, Sequence[Sampled] | Exception]:
        """Draws from logits (wanted, vocabulary), going on in a sequence for as long as its drafts are right."""
        chosen: dict[RowKey, list[Sampled]] = {}
        failed: dict[RowKey, Exception] = {}
        depth = 0
        while going:
            rows = [first + depth for _, first in going]
            asked = logits if len(rows) == len(logits) else logits[torch.tensor(rows, device=logits.device)]
            samplers = [self._samplers[span.key] for span, _ in going]
            right = []
            for place, result in zip(going, sample(asked, samplers, self._network.summarise), strict=True):
                span = place[0]
                if isinstance(result, Exception):
                    failed[span.key] = result
                    continue
                chosen.setdefault(span.key, []).append(result)
                if depth < span.drafts and span.tokens[depth - span.drafts] == result.token_id:
                    right.append(place)
            going, depth = right, depth + 1
        return {**chosen, **failed}
