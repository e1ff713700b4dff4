"""Puts a decoder's parts together around a vLLM engine."""

from dataclasses import dataclass, field

from textgen.admission import Admission
from textgen.chat import ChatTemplate
from textgen.codec import TokenCodec
from textgen.domain import Capability
from textgen.metrics import TextMetrics
from textgen.models.checkpoint import ModelFiles
from textgen.models.vllm_engine import VllmEngine, VllmOptions, parameter_count
from textgen.models.vllm_generator import VllmGenerator
from textgen.models.vllm_load import EngineLoad
from textgen.models.vllm_scorer import VllmScorer
from textgen.scheduler import Limits
from textgen.served import ServedModel
from textgen.structured import StructuredCompiler
from textgen.tools.calling import tool_calling


@dataclass(frozen=True, slots=True)
class VllmAssembler:
    """What the engines share, and the engines that were started."""

    limits: Limits
    max_waiting: int
    max_waiting_tokens: int
    metrics: TextMetrics
    memory_ratio: float
    eager: bool
    tool_format: str = "auto"
    engines: list[VllmEngine] = field(default_factory=list)

    def assemble(self, files: ModelFiles, dtype: str, reason: str) -> ServedModel:
        """Start an engine for a decoder; blocks. Raises ModelLoadError."""
        context = min(files.context_length, self.limits.max_batch_tokens)
        codec = TokenCodec(files.fast_tokenizer)
        metrics = self.metrics.model(files.id)
        options = VllmOptions(
            dtype=dtype,
            max_request_tokens=context,
            max_batch_size=self.limits.max_batch_size,
            max_prefill_tokens=self.limits.max_prefill_tokens,
            memory_ratio=self.memory_ratio,
            eager=self.eager,
        )
        engine = VllmEngine.start(files, options, EngineLoad(metrics))
        self.engines.append(engine)
        info = files.info(
            parameter_count=parameter_count(files),
            dtype=dtype,
            device=engine.device,
            engine="vllm",
            reason=reason,
            context_length=context,
        )
        compiler = StructuredCompiler(codec.state, info.vocabulary_size, sorted(files.end_ids))
        generator = VllmGenerator(
            engine=engine,
            admission=Admission(self.max_waiting, self.max_waiting_tokens),
            compiler=compiler,
            codec=codec,
            end_ids=files.end_ids,
            metrics=metrics,
        )
        scorer = VllmScorer(
            engine=engine,
            admission=Admission(self.max_waiting, self.max_waiting_tokens),
            start_token=files.start_token,
            metrics=metrics,
        )
        chat = ChatTemplate(files.tokenizer, codec) if Capability.CHAT in info.capabilities else None
        return ServedModel(
            info=info,
            codec=codec,
            metrics=metrics,
            max_request_tokens=context,
            chat=chat,
            tools=None if chat is None else tool_calling(chat, codec, compiler, self.tool_format),
            generator=generator,
            scorer=scorer,
        )

    async def warm_up(self) -> None:
        """One request to each engine: what it compiles at its first one, it compiles before callers come."""
        for engine in self.engines:
            await engine.warm_up()

    def healthy(self, stall_seconds: float) -> bool:
        """Whether all engines are."""
        return all(engine.healthy(stall_seconds) for engine in self.engines)

    def close(self) -> None:
        """End the engines' processes."""
        for engine in self.engines:
            engine.close()
