"""Results of the image service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

ImageFormat = Literal["png", "jpeg", "webp"]
MaskChannel = Literal["luminance", "alpha"]
ScoreMethod = Literal["vae_elbo", "probability_flow"]
Sampler = Literal["ddim", "euler", "euler_ancestral", "dpm_solver_pp", "ddpm", "unipc", "flow_match_euler"]


class Diffusion(TypedDict, total=False):
    """How images are made; ranges and defaults are those of `DiffusionParameters` in the contract.

    `loras` are names of loaded LoRA adapters, and how strongly each acts.
    """

    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: Sampler
    seed: int
    count: int
    format: ImageFormat
    preview_every_steps: int
    truncation: float
    loras: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture; its data is empty when the server withholds it."""

    data: bytes
    format: ImageFormat
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Queued:
    """First event of a run."""

    request_id: str
    model: str
    queue_position: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps done of steps in all."""

    step: int
    step_count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """An early look at image `index`."""

    index: int
    step: int
    image: Picture


@dataclass(frozen=True, slots=True)
class SafetyFlag:
    """Something that the safety filter found, and by how much it passed the threshold."""

    category: str
    score: float


@dataclass(frozen=True, slots=True)
class Safety:
    """What the safety filter found in an image, and whether the image is withheld for it."""

    flags: tuple[SafetyFlag, ...]
    withheld: bool


@dataclass(frozen=True, slots=True)
class ImageResult:
    """A finished image and the seed that made it; `safety` is None where no filter is configured."""

    index: int
    image: Picture
    seed: int
    safety: Safety | None = None


@dataclass(frozen=True, slots=True)
class ImageTimings:
    """Where the time went, ms; energy is None without a meter.

    `device_share_ms` is the request's rows' part of the passes that took `device_ms`. `batch_occupancy`, up to 1, is
    how full they were on average, None when nothing was denoised.
    """

    queue_ms: float
    encode_ms: float
    denoise_ms: float
    decode_ms: float
    device_ms: float
    energy_joules: float | None
    device_share_ms: float = 0.0
    batch_occupancy: float | None = None


@dataclass(frozen=True, slots=True)
class ImagesFinished:
    """Last event of a run."""

    image_count: int
    image_step_count: int
    timings: ImageTimings


@dataclass(frozen=True, slots=True)
class Tensor:
    """Row-major little-endian float32 values of this shape."""

    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class LatentPoint:
    """One end of an interpolation: a seed (with a prompt), an image file's bytes, or a latent."""

    seed: int | None = None
    image: bytes | None = None
    latent: Tensor | None = None
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class LikelihoodBound:
    """A lower bound on a log-likelihood in nats and its parts, or the log-density of a latent."""

    elbo: float
    bits_per_dimension: float
    reconstruction: float
    kl_divergence: float
    standard_error: float
    dimension_count: int = 0


@dataclass(frozen=True, slots=True)
class ImageModel:
    """A loaded model; `labels` are its prompts when its conditioning is "label"; no truncation is None."""

    id: str
    architecture: str
    capabilities: tuple[str, ...]
    samplers: tuple[str, ...]
    default_width: int
    default_height: int
    max_size: int
    size_granularity: int
    default_steps: int
    default_guidance_scale: float
    latent_shape: tuple[int, ...]
    parameter_count: int
    dtype: str
    device: str
    conditioning: str = "unspecified"
    labels: tuple[str, ...] = ()
    guidance: str = "unspecified"
    default_truncation: float | None = None
    loras: tuple[str, ...] = ()
    score_methods: tuple[str, ...] = ()
