"""Work that passed every check: what the device thread is asked to do, with nothing left to decide."""

from dataclasses import dataclass

from imagegen.domain import ImageFormat, InterpolationMethod, LoraChoice, Mask, Pixels, Sampler, ScoreMethod


@dataclass(frozen=True, slots=True)
class NoiseStart:
    """Row i starts from the noise of the spec's seed i."""


@dataclass(frozen=True, slots=True)
class ImageStart:
    """Rows start from an image noised to the first step's level; `mask` is True where it may change."""

    image: Pixels
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class WalkStart:
    """Rows start on the path between the noise of the first and of the last seed; so do their prompts."""

    end_prompt: str
    method: InterpolationMethod


@dataclass(frozen=True, slots=True)
class DenoiseSpec:
    """A denoising run: `seeds` has one entry a row; steps run from `first_step` to `steps` - 1.

    `sampler` is None for a one-step generator, `truncation` for a model that has none.
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    first_step: int
    guidance_scale: float
    sampler: Sampler | None
    seeds: tuple[int, ...]
    preview_every_steps: int
    format: ImageFormat
    start: NoiseStart | ImageStart | WalkStart
    truncation: float | None = None
    loras: tuple[LoraChoice, ...] = ()  # by name, so that equal sets are equal

    @property
    def step_count(self) -> int:
        """Steps that are taken."""
        return self.steps - self.first_step


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """Images of one size to score; `steps` are those of a probability flow."""

    images: tuple[Pixels, ...]
    method: ScoreMethod
    steps: int
