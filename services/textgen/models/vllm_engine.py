"""A model in vLLM. The only place that imports it, and only when an engine is started."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import safe_open
from serving.errors import InvalidInput, Unavailable

from textgen.models.checkpoint import ModelFiles, ModelLoadError
from textgen.models.vllm_load import EngineLoad, stat_logger
from textgen.structured import without_first_space


def is_installed() -> bool:
    """Whether vLLM can be imported; it is not."""
    return find_spec("vllm") is not None


def _save_grammar_tokenizer(files: ModelFiles, folder: Path) -> None:
    """Write the tokenizer for vLLM's start. Text is ours, so that it serves vLLM for grammars alone."""
    files.tokenizer.save_pretrained(folder)
    path = folder / "tokenizer.json"
    path.write_text(without_first_space(path.read_text(encoding="utf-8")), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """Limits of one engine: tokens of a request, sequences and prompt tokens of a step; eager compiles nothing."""

    dtype: str
    max_request_tokens: int
    max_batch_size: int
    max_prefill_tokens: int
    memory_ratio: float
    eager: bool


class VllmEngine:
    """Requests to one engine, whose core is a process of its own; on the event loop but for its start."""

    def __init__(self, llm: Any, device: str, load: EngineLoad) -> None:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        self._llm = llm
        self._numbers = count()
        self._refused: tuple[type[Exception], ...] = (ValueError, VLLMClientError)
        self._dead: type[Exception] = EngineDeadError
        self.device = device
        self.load = load

    @classmethod
    def start(cls, files: ModelFiles, options: VllmOptions, load: EngineLoad) -> "VllmEngine":
        """Load a decoder; takes tens of seconds and blocks. Raises ModelLoadError."""
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # nothing is reported to anybody
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM

        prompt_tokens = max(options.max_prefill_tokens, options.max_batch_size)
        # A seeded request whose prompt is read in parts ends vLLM's process on CPUs: there it is read in one step.
        in_parts = current_platform.device_type != "cpu"
        try:
            with TemporaryDirectory(prefix="quadrille-tokenizer-") as tokenizer:
                _save_grammar_tokenizer(files, Path(tokenizer))
                arguments = AsyncEngineArgs(
                    model=str(files.directory),
                    tokenizer=tokenizer,
                    dtype=options.dtype,
                    load_format="safetensors",
                    trust_remote_code=False,
                    max_model_len=options.max_request_tokens,
                    max_num_seqs=options.max_batch_size,
                    max_num_batched_tokens=prompt_tokens
                    if in_parts
                    else max(prompt_tokens, options.max_request_tokens),
                    enable_chunked_prefill=in_parts,
                    gpu_memory_utilization=options.memory_ratio,
                    scheduling_policy="priority",
                    structured_outputs_config={"backend": "guidance"},
                    enforce_eager=options.eager,
                    disable_log_stats=True,  # its own loggers; ours is given below
                    seed=0,
                )
                llm = AsyncLLM.from_engine_args(arguments, stat_loggers=[stat_logger(load)])
        except Exception as error:  # its start has no common base of errors
            raise ModelLoadError(
                f"model {files.id!r} ({files.reference}): vLLM did not start: {error}"
            ) from error
        return cls(llm, str(current_platform.device_type), load)

    async def stream(
        self,
        prompt: Sequence[int],
        arguments: Mapping[str, Any],
        *,
        name: str,
        priority: int = 0,
        structured: Mapping[str, str] | None = None,
        deltas: bool = True,
    ) -> AsyncGenerator[Any, None]:
        """vLLM's RequestOutputs, each with what is new or, without deltas, the last alone; closing it aborts.

        InvalidInput when vLLM refuses the request; Unavailable when the engine has died.
        """
        from vllm import SamplingParams, TokensPrompt
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        field = "sampling.structured_output" if structured else "sampling"
        self.load.submitted()
        started = False
        try:
            params = SamplingParams(
                **arguments,
                output_kind=RequestOutputKind.DELTA if deltas else RequestOutputKind.FINAL_ONLY,
                structured_outputs=StructuredOutputsParams(**structured) if structured else None,
            )
            outputs = self._llm.generate(
                TokensPrompt(prompt_token_ids=list(prompt)),
                params,
                f"{name}-{next(self._numbers)}",
                priority=priority,
            )
            async with aclosing(outputs):
                async for output in outputs:
                    self.load.progressed()
                    if not started:
                        started = True
                        self.load.started()
                    if output.outputs[0].finish_reason in ("abort", "error"):
                        raise Unavailable("the engine gave the request up")
                    yield output
        except self._refused as error:
            raise InvalidInput(field, f"the engine refuses it: {str(error)[:300]}") from error
        except self._dead as error:
            raise Unavailable("the engine has died") from error
        finally:
            self.load.left(started=started)

    async def warm_up(self) -> None:
        """A first request, which may take long: vLLM compiles parts of its sampling then."""
        arguments = {"max_tokens": 2, "logprobs": 1, "seed": 0, "ignore_eos": True, "detokenize": False}
        async for _ in self.stream([0], arguments, name="warm-up"):
            pass

    def healthy(self, stall_seconds: float) -> bool:
        """False when the engine's process is gone, or has not answered for so long though work waits."""
        return self._llm is not None and not self._llm.errored and not self.load.stalled(stall_seconds)

    def close(self) -> None:
        """End the engine's process; blocks for seconds."""
        llm, self._llm = self._llm, None
        if llm is not None:
            llm.shutdown(timeout=5)
            llm.shutdown = lambda: None  # its __del__ calls it again, perhaps when its modules are gone


def parameter_count(files: ModelFiles) -> int:
    """Parameters in a model's safetensors, by their headers."""
    total = 0
    for path in files.directory.glob("*.safetensors"):
        with safe_open(path, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - it is no mapping
                size = 1
                for length in tensors.get_slice(name).get_shape():
                    size *= length
                total += size
    return total
