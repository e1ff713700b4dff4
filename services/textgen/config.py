"""Options of the text service."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from serving.config import CommaList
from serving.lora_settings import LoraSettings


class TextgenSettings(LoraSettings, service="textgen"):
    """Environment QUADRILLE_TEXTGEN_*, TOML table [textgen]."""

    port: int = Field(50051, ge=0, le=65535, description="Port of gRPC; 0 picks a free one.")
    metrics_port: int = Field(
        9101, ge=0, le=65535, description="Port of the Prometheus endpoint; 0 picks a free one."
    )
    models: CommaList = Field(
        (
            "starter=starter/text/model",
            "starter-seq2seq=starter/seq2seq/model",
            "starter-mixture=starter/text/mixture",
            "minilm",
        ),
        min_length=1,
        description=(
            "Models to load, each [id=]reference: a directory, a hub name, or minilm (an embedding model that is "
            "installed with the service). For each capability the first that has it is the default."
        ),
    )
    engine: Literal["auto", "torch", "vllm"] = Field(
        "auto",
        description=(
            "What runs decoders; auto picks vllm where it is installed and CUDA is available, else torch, "
            "which runs all other models."
        ),
    )
    vllm_memory_ratio: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Part of the device's memory that each model in vLLM takes for its weights and its cache.",
    )
    vllm_eager: bool = Field(
        False, description="Have vLLM compile and capture nothing: it starts sooner and runs slower."
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Number type of the weights."
    )
    int8: bool = Field(
        False,
        description=(
            "Quantise the weights of torch's decoders to 8 bits: half the memory of bfloat16, and faster with the "
            "kernels that are built for a processor; answers differ a little. A mixture's experts stay as they are."
        ),
    )
    compile: bool = Field(
        True,
        description=(
            "On a GPU, have torch compile decoders' small passes: up to a third faster, and a minute longer to start. "
            "Decoders in int8, and those that take adapters, are never compiled."
        ),
    )
    tool_format: Literal["auto", "hermes", "llama", "mistral"] = Field(
        "auto",
        description=(
            "How chat models write calls of tools; auto sees it from each model's chat template. hermes: "
            "<tool_call> with JSON (Qwen, too); llama: JSON with name and parameters; mistral: [TOOL_CALLS]."
        ),
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where models run: auto, cpu, cuda or cuda:N.",
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads of a forward pass. None: torch's own choice."
    )
    max_batch_size: int = Field(16, ge=1, le=1024, description="Sequences in the running batch of a model.")
    max_batch_tokens: int = Field(
        16384,
        ge=16,
        description="Tokens, prompts and answers, whose keys and values a model's cache holds.",
    )
    max_prefill_tokens: int = Field(
        256,
        ge=16,
        description="Tokens computed in one step; a longer prompt is read in parts, while others go on.",
    )
    max_waiting: int = Field(256, ge=1, description="Requests that may wait for one model; more are refused.")
    max_waiting_tokens: int = Field(
        131072,
        ge=16,
        description="Tokens that may wait to be read by one model; more are refused, so first tokens come in time.",
    )
    replay_seconds: float = Field(
        60.0,
        ge=0,
        description="Seconds for which an answer is kept, to be sent again to a call with the same request_id.",
    )
    stall_seconds: float = Field(
        120.0,
        gt=0,
        description=(
            "Seconds without progress, while work waits, after which health is NOT_SERVING and the engine begins anew: "
            "requests of which nothing was sent yet wait again, others fail."
        ),
    )

    @field_validator("models")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        pairs = [split_reference(item) for item in value]
        if not all(model_id and reference for model_id, reference in pairs):
            raise ValueError("must be [id=]reference")
        if len({model_id for model_id, _ in pairs}) < len(pairs):
            raise ValueError("names an id twice")
        return value


def split_reference(item: str) -> tuple[str, str]:
    """Id and reference of "[id=]reference"; without an id, the reference's last part."""
    model_id, equals, reference = item.partition("=")
    return (model_id.strip(), reference.strip()) if equals else (Path(item).name, item.strip())
