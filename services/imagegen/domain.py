"""Requests and model descriptions. Images are uint8 (height, width, 3), latents float32 (c, h, w)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from serving.loras import Adapter

Pixels = NDArray[np.uint8]  # (height, width, 3), RGB
Mask = NDArray[np.bool_]  # (height, width), True where the image may change
Latent = NDArray[np.float32]  # (channels, height, width), scaled as the denoiser sees it

MAX_SEED = 2**63 - 1


class Capability(StrEnum):
    """One thing that a model can be asked for."""

    GENERATE = "generate"
    EDIT = "edit"
    INPAINT = "inpaint"
    INTERPOLATE = "interpolate"
    ENCODE = "encode"
    DECODE = "decode"
    SCORE = "score"


class Sampler(StrEnum):
    """The rule that turns a model's predictions into steps."""

    DDIM = "ddim"
    EULER = "euler"
    EULER_ANCESTRAL = "euler_ancestral"
    DPM_SOLVER_PP = "dpm_solver_pp"
    DDPM = "ddpm"
    UNIPC = "unipc"
    FLOW_MATCH_EULER = "flow_match_euler"


class Conditioning(StrEnum):
    """What a model takes as a prompt."""

    NONE = "none"
    LABEL = "label"
    TEXT = "text"


class Guidance(StrEnum):
    """How a model holds to a prompt."""

    NONE = "none"
    CLASSIFIER_FREE = "classifier_free"
    DISTILLED = "distilled"


class MaskChannel(StrEnum):
    """What of a mask tells where an image may change: white of its luminance, or transparency."""

    LUMINANCE = "luminance"
    ALPHA = "alpha"


class ImageFormat(StrEnum):
    """A file format."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


class InterpolationMethod(StrEnum):
    """A path between two latents."""

    SLERP = "slerp"
    LINEAR = "linear"


class SafetyPolicy(StrEnum):
    """What becomes of images that the safety filter flags."""

    FLAG = "flag"
    WITHHOLD = "withhold"


class ScoreMethod(StrEnum):
    """How images are scored."""

    VAE_ELBO = "vae_elbo"
    PROBABILITY_FLOW = "probability_flow"


@dataclass(frozen=True, slots=True)
class LoraChoice:
    """A LoRA adapter by name, and how strongly it acts: 0 is not at all, 1 as it was trained."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class HeldLora:
    """An adapter that a request holds, and how strongly it acts there."""

    adapter: Adapter
    scale: float

    @property
    def key(self) -> tuple[str, float]:
        """Equal for what acts alike: the digest of the adapter's file, and the scale."""
        return self.adapter.sha256, self.scale


@dataclass(frozen=True, slots=True)
class DiffusionParameters:
    """How to denoise, as asked; None is the model's own default."""

    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: Sampler | None = None
    seed: int | None = None
    count: int | None = None
    format: ImageFormat = ImageFormat.PNG
    preview_every_steps: int = 0
    truncation: float | None = None
    loras: tuple[LoraChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Images from a prompt."""

    model: str = ""
    prompt: str = ""
    parameters: DiffusionParameters = field(default_factory=DiffusionParameters)
    request_id: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class EditRequest:
    """Images from a prompt and an image file; `mask` is a file too, absent for image to image."""

    init_image: bytes
    mask: bytes | None = None
    mask_channel: MaskChannel = MaskChannel.LUMINANCE
    strength: float = 0.8
    model: str = ""
    prompt: str = ""
    parameters: DiffusionParameters = field(default_factory=DiffusionParameters)
    request_id: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class SeedPoint:
    """The initial noise of a seed, with a prompt."""

    seed: int
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class ImagePoint:
    """The latent that an image file encodes to."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TensorPoint:
    """A latent as given."""

    latent: NDArray[np.float32]


LatentPoint = SeedPoint | ImagePoint | TensorPoint


@dataclass(frozen=True, slots=True)
class InterpolateRequest:
    """Frames between two points of the same kind."""

    start: LatentPoint
    end: LatentPoint
    frame_count: int = 8
    method: InterpolationMethod = InterpolationMethod.SLERP
    model: str = ""
    parameters: DiffusionParameters = field(default_factory=DiffusionParameters)
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """Latents of image files; `seed` draws from the posterior, None takes its mean."""

    images: tuple[bytes, ...]
    seed: int | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Images of latents."""

    latents: tuple[NDArray[np.float32], ...]
    format: ImageFormat = ImageFormat.PNG
    model: str = ""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Likelihood bounds of image files; None is the model's own method, and as many steps as flows take by default."""

    images: tuple[bytes, ...]
    samples: int = 4
    seed: int = 0
    model: str = ""
    method: ScoreMethod | None = None
    prompt: str = ""
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound on an image's log-likelihood, or its latent's log-density, in nats; an ELBO's parts, else 0."""

    elbo: float
    bits_per_dimension: float
    reconstruction: float
    kl_divergence: float
    standard_error: float
    dimensions: int


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model is and can do. Sizes are in pixels, `latent_shape` is (c, h, w) at the default size.

    Without `samplers` a model generates in one step or not at all; `labels` are the prompts of one that takes
    labels; `default_truncation` is None where there is nothing to truncate; `loras` are loaded at the moment;
    `score_methods` has its default first.
    """

    id: str
    architecture: str
    capabilities: frozenset[Capability]
    samplers: tuple[Sampler, ...]
    max_steps: Mapping[Sampler, int]
    default_width: int
    default_height: int
    max_size: int
    size_granularity: int
    default_steps: int
    default_guidance_scale: float
    latent_shape: tuple[int, int, int]
    parameter_count: int
    dtype: str
    device: str
    conditioning: Conditioning = Conditioning.NONE
    labels: tuple[str, ...] = ()
    guidance: Guidance = Guidance.NONE
    default_truncation: float | None = None
    loras: tuple[str, ...] = ()
    score_methods: tuple[ScoreMethod, ...] = ()
