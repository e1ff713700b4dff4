"""A loaded model with what runs it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from numpy.typing import NDArray
from serving.loras import Loras

from textgen.batching import BatchLane
from textgen.chat import ChatTemplate
from textgen.codec import TokenCodec
from textgen.domain import ModelInfo, Timings
from textgen.metrics import ModelMetrics
from textgen.models.base import Generator
from textgen.tools.calling import ToolCalling

Ids = Sequence[int]
ScoreItem = tuple[Ids, Ids]
PairItem = tuple[Ids, Ids]
MaskItem = tuple[Ids, Ids, int]


class Scoring(Protocol):
    """Queued scoring: a lane of our own, or an engine with a scheduler of its own."""

    async def submit(
        self, items: Sequence[ScoreItem], deadline: float | None
    ) -> tuple[list[list[float]], Timings]:
        """Log-probabilities in nats of each item's targets; DeadlineUnreachable, Overloaded."""
        ...


@dataclass(frozen=True, slots=True)
class ServedModel:
    """Parts that a model lacks are None; `info.capabilities` says the same to callers."""

    info: ModelInfo
    codec: TokenCodec
    metrics: ModelMetrics
    max_request_tokens: int
    shares_context: bool = True  # prompt and answer lie in one context; not so for encoder-decoders
    chat: ChatTemplate | None = None
    tools: ToolCalling | None = None
    generator: Generator | None = None
    loras: Loras | None = None
    scorer: Scoring | None = None
    embedder: BatchLane[Ids, NDArray] | None = None  # type: ignore[type-arg]
    reranker: BatchLane[PairItem, float] | None = None
    mask_filler: BatchLane[MaskItem, list[list[tuple[int, float]]]] | None = None

    @property
    def facts(self) -> ModelInfo:
        """What it is at the moment: its adapters come and go."""
        return self.info if self.loras is None else replace(self.info, loras=self.loras.names)
