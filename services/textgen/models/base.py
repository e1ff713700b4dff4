"""The ports between textgen and what runs a model.

There are two heights. An engine with a scheduler of its own (vLLM) implements `Generator`; a model that is
stepped by our own scheduler implements `DecoderRunner`, and `textgen.continuous` makes a `Generator` of it.
The other ports are single forward passes over a batch; `textgen.batching` collects the batches.
Runners are called from the device thread alone and block it; a `Generator` lives on the event loop.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.domain import GenerationTask, GeneratorEvent, Sampling
from textgen.scheduler import Span

RowKey = tuple[int, int]  # (request number, index of the sequence in its request)


class Constraint(Protocol):
    """The state of a constrained sequence."""

    def bitmask(self) -> NDArray[np.int32]:
        """Allowed tokens, (ceil(vocabulary / 32),): a set bit allows its token."""
        ...

    def accept(self, token_id: int) -> None:
        """Go on by a token."""
        ...

    def finished(self) -> bool:
        """Whether nothing more may follow."""
        ...


@dataclass(frozen=True, slots=True)
class RowSpec:
    """A sequence that is to join the running batch."""

    key: RowKey
    prompt: tuple[int, ...]
    sampling: Sampling
    seed: int
    constraint: Constraint | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """A chosen token; log-probabilities in nats, of the model before any sampling rule; top is best first."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a pass gave: the tokens that rows chose, and the tokens of prompts that spans had `scored`."""

    chosen: Mapping[RowKey, Sequence[Sampled] | Exception]
    scored: Mapping[RowKey, Sequence[Sampled]] = field(default_factory=dict)


class Generator(Protocol):
    """Engine height: anything that turns a task into deltas and one Finished. Closing the iterator cancels.

    Where the task asks for the prompt's log-probabilities, they come first.
    """

    def generate(self, task: GenerationTask) -> AsyncGenerator[GeneratorEvent, None]: ...


class DecoderRunner(Protocol):
    """Runner height: computes what a scheduler plans, and keeps the keys and values in numbered blocks.

    A row that fails alone yields its exception. After a pass that raised, its spans may be computed again.
    """

    def join(self, row: RowSpec) -> None: ...  # spans of it may follow
    def copy(self, blocks: Sequence[tuple[int, int]]) -> None: ...  # blocks' contents, from and to
    def step(self, spans: Sequence[Span]) -> Stepped: ...
    def drop(self, keys: Collection[RowKey]) -> None: ...  # rows leave; unknown keys are ignored
    def renewed(
        self,
    ) -> "DecoderRunner": ...  # another over the same weights, with no rows, that shares no state


class Scorer(Protocol):
    """Log-probabilities of given tokens."""

    # items: (condition ids, target ids). Returns one log-probability in nats for each target token.
    def score(self, items: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]: ...


class Embedder(Protocol):
    """Vectors of texts."""

    def embed(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]: ...  # (rows, dimension), unscaled


class Reranker(Protocol):
    """Relevance of pairs, each as token ids and token type ids."""

    def rerank(self, batch: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]: ...


class MaskFiller(Protocol):
    """Candidates for masked places: items are (ids, places, how many); best first, with probabilities."""

    def fill(
        self, items: Sequence[tuple[Sequence[int], Sequence[int], int]]
    ) -> list[list[list[tuple[int, float]]]]: ...
