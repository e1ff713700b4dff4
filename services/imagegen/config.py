"""Options of the image service."""

from pathlib import Path
from typing import Literal, Self

from pydantic import DirectoryPath, Field, field_validator, model_validator
from serving.config import CommaList
from serving.lora_settings import LoraSettings

from imagegen.domain import SafetyPolicy


class ImagegenSettings(LoraSettings, service="imagegen"):
    """Environment QUADRILLE_IMAGEGEN_*, TOML table [imagegen]."""

    port: int = Field(50052, ge=0, le=65535, description="Port of gRPC; 0 picks a free one.")
    metrics_port: int = Field(
        9102, ge=0, le=65535, description="Port of the Prometheus endpoint; 0 picks a free one."
    )
    models: CommaList = Field(
        ("starter=starter/image/model", "starter-flow=starter/image/flow", "starter-gan=starter/image/gan"),
        min_length=1,
        description=(
            "Models to load, each [id=]reference: a directory or hub name of a StableDiffusionPipeline, "
            "StableDiffusionXLPipeline (of these two also the Inpaint pipeline), StableDiffusion3Pipeline, "
            "FluxPipeline, DiTPipeline, DDPMPipeline or DDIMPipeline, or a directory of an AutoencoderKL or a "
            "StyleGenerator. For each capability the first that has it is the default."
        ),
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Number type of weights and forward passes; latents stay float32."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where models run: auto, cpu, cuda or cuda:N.",
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads of a forward pass. None: torch's own choice."
    )
    max_batch_rows: int = Field(
        8, ge=1, le=256, description="Images in a forward pass (twice with guidance)."
    )
    strict: bool = Field(
        False,
        description=(
            "Give a seed the same bytes whoever shares its passes, at some cost: rows pass in a fixed number, "
            "with deterministic kernels."
        ),
    )
    strict_rows: int = Field(
        4, ge=1, le=256, description="Rows of every pass in strict mode; fewer are padded. Changes the bytes."
    )
    max_running_rows: int = Field(
        16, ge=1, le=1024, description="Images that may be under way; a request counts up to max_batch_rows."
    )
    max_waiting: int = Field(64, ge=0, description="Requests that may wait; more are refused.")
    warm_up_seconds: float = Field(
        2.0,
        ge=0,
        description=(
            "Time at start, for all models together, in which steps are measured: to foretell deadlines that can't be "
            "met and, where it is enough, for row caps below max_batch_rows. 0: begin without figures."
        ),
    )
    max_size: int = Field(
        1024, ge=8, le=8192, description="Largest width and height, pixels; a model may allow less."
    )
    max_steps: int = Field(1000, ge=1, le=1000, description="Most denoising steps of a request.")
    max_request_pixels: int = Field(
        16 * 1024 * 1024, ge=64, description="Most pixels of a request: images x width x height."
    )
    max_image_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Largest input image file, bytes.")
    default_steps: int = Field(
        20,
        ge=1,
        le=1000,
        description="Denoising steps when neither a request nor the model's generation_config.json names them.",
    )
    default_guidance_scale: float = Field(
        7.5,
        ge=0,
        le=50,
        description=(
            "Guidance scale when neither a request nor the model's generation_config.json names one; "
            "3.5 where the model itself is told the scale."
        ),
    )
    prompt_cache_entries: int = Field(
        256, ge=1, description="Prompt embeddings kept, least recently used first out."
    )
    score_sigma: float = Field(
        0.1,
        gt=0,
        le=2,
        description="Standard deviation, on the [-1, 1] pixel scale, of Score's Gaussian decoder.",
    )
    c2pa_certificates: Path | None = Field(
        None,
        description=(
            "PEM certificate chain, the signer's own first, of C2PA content credentials. None: images are not signed."
        ),
    )
    c2pa_key: Path | None = Field(None, description="PEM private key (PKCS 8) of the first certificate.")
    c2pa_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = Field(
        "es256", description="Signature algorithm that the key is for."
    )
    c2pa_timestamp_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="RFC 3161 time-stamping authority that is asked for each image. None: signatures carry no time.",
    )
    safety_checker: DirectoryPath | None = Field(
        None,
        description="Directory of a StableDiffusionSafetyChecker that looks at all images. None: nothing does.",
    )
    safety_policy: SafetyPolicy = Field(
        SafetyPolicy.FLAG,
        description="What becomes of flagged images: flag tells it, withhold sends no bytes, and no previews at all.",
    )
    stall_seconds: float = Field(
        120.0,
        gt=0,
        description="Seconds without progress, while work waits, after which health is NOT_SERVING.",
    )

    @model_validator(mode="after")
    def _holds_a_batch(self) -> Self:
        if self.max_running_rows < self.max_batch_rows:
            raise ValueError("max_running_rows must be at least max_batch_rows")
        return self

    @model_validator(mode="after")
    def _signs_with_both(self) -> Self:
        if (self.c2pa_certificates is None) != (self.c2pa_key is None):
            raise ValueError("c2pa_certificates and c2pa_key go together")
        return self

    @field_validator("models")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        ids = [model_id for model_id, _ in map(split_reference, value)]
        if len(set(ids)) < len(ids):
            raise ValueError("names an id twice")
        if not all(model_id and reference for model_id, reference in map(split_reference, value)):
            raise ValueError("must be [id=]reference")
        return value


def split_reference(item: str) -> tuple[str, str]:
    """Id and reference of "[id=]reference"; without an id, the reference's last part that says something."""
    model_id, equals, reference = item.partition("=")
    if equals:
        return model_id.strip(), reference.strip()
    parts = [part for part in item.strip().split("/") if part]
    return (parts[-1] if parts else ""), item.strip()
