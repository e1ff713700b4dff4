"""Every limit of a request, checked before anything is allocated. Field names are the proto's paths."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from serving.errors import InvalidInput
from serving.loras import check_name

from imagegen.domain import (
    MAX_SEED,
    Conditioning,
    DiffusionParameters,
    Guidance,
    LoraChoice,
    ModelDescription,
    Sampler,
)

MAX_PROMPT_BYTES = 4096
MAX_REQUEST_ID_BYTES = 128
MAX_PRIORITY = 100
MAX_IMAGES = 16
MAX_FRAMES = 64
MAX_SAMPLES = 64
DEFAULT_FLOW_STEPS = 32
MAX_GUIDANCE_SCALE = 50.0
MAX_LORAS = 8
MAX_LORA_SCALE = 10.0
_LABELS_NAMED = 16  # in the message of a refusal; ListModels has them all


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that an operator sets: steps, rows x pixels of a request, bytes of an input image, previews or none."""

    max_steps: int = 1000
    max_request_pixels: int = 16 * 1024 * 1024
    max_image_bytes: int = 16 * 1024 * 1024
    previews: bool = True


@dataclass(frozen=True, slots=True)
class Resolved:
    """Parameters with every default filled in; sizes in pixels. None where the model has no such thing."""

    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: Sampler | None
    count: int
    truncation: float | None
    preview_every_steps: int


def check_range(field: str, value: int, low: int, high: int) -> None:
    """Raise InvalidInput unless low <= value <= high."""
    if not low <= value <= high:
        raise InvalidInput(field, f"must be {low} to {high}, not {value}")


def check_text(field: str, text: str, max_bytes: int) -> None:
    """Raise InvalidInput if the text is longer than `max_bytes` in UTF-8."""
    if len(text.encode()) > max_bytes:
        raise InvalidInput(field, f"must be at most {max_bytes} bytes")


def check_prompt(field: str, text: str, model: ModelDescription) -> None:
    """Raise InvalidInput unless the text is a prompt that the model takes."""
    check_text(field, text, MAX_PROMPT_BYTES)
    if model.conditioning is Conditioning.NONE and text:
        raise InvalidInput(field, f"must be empty: model {model.id} takes no prompt")
    if model.conditioning is Conditioning.LABEL:
        unconditional = not text and model.guidance is Guidance.CLASSIFIER_FREE
        if text not in model.labels and not unconditional:
            some = ", ".join(model.labels[:_LABELS_NAMED]) + (", ..." * (len(model.labels) > _LABELS_NAMED))
            raise InvalidInput(field, f"must be one of model {model.id}'s labels: {some}")


def check_seed(field: str, seed: int | None) -> None:
    """Raise InvalidInput unless the seed is absent or in range."""
    if seed is not None:
        check_range(field, seed, 0, MAX_SEED)


def check_envelope(request_id: str, priority: int = 0) -> None:
    """Check the caller's id and priority."""
    check_text("request_id", request_id, MAX_REQUEST_ID_BYTES)
    check_range("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)


def check_size(fields: tuple[str, str], width: int, height: int, model: ModelDescription) -> None:
    """Check a size against a model's; `fields` name the width and the height."""
    step = model.size_granularity
    for field, value in zip(fields, (width, height), strict=True):
        if not step <= value <= model.max_size or value % step:
            raise InvalidInput(
                field, f"must be a multiple of {step} from {step} to {model.max_size}, not {value}"
            )


def check_pixels(field: str, rows: int, width: int, height: int, limits: Limits) -> None:
    """Check the product of rows and pixels."""
    if rows * width * height > limits.max_request_pixels:
        raise InvalidInput(
            field, f"{rows} x {width} x {height} pixels are more than {limits.max_request_pixels}"
        )


def resolve(
    parameters: DiffusionParameters,
    model: ModelDescription,
    limits: Limits,
    size: tuple[int, int] | None = None,
) -> Resolved:
    """Fill in the model's defaults and check everything; `size` is a (width, height) that is given."""
    prefix = "parameters."
    check_text(prefix + "negative_prompt", parameters.negative_prompt, MAX_PROMPT_BYTES)
    check_seed(prefix + "seed", parameters.seed)
    check_range(prefix + "preview_every_steps", parameters.preview_every_steps, 0, 1000)
    count = 1 if parameters.count is None else parameters.count
    check_range(prefix + "count", count, 1, MAX_IMAGES)
    default_width, default_height = size or (model.default_width, model.default_height)
    width = default_width if parameters.width is None else parameters.width
    height = default_height if parameters.height is None else parameters.height
    check_size((prefix + "width", prefix + "height"), width, height, model)
    check_pixels(prefix + "count", count, width, height, limits)
    _check_loras(parameters.loras)
    sampler, steps = _steps(parameters, model, limits)
    return Resolved(
        width,
        height,
        steps,
        _guidance(parameters, model),
        sampler,
        count,
        _truncation(parameters, model),
        parameters.preview_every_steps if limits.previews else 0,
    )


def _steps(
    parameters: DiffusionParameters, model: ModelDescription, limits: Limits
) -> tuple[Sampler | None, int]:
    """The sampler and the steps; without samplers none and 1, whatever number of steps is asked."""
    sampler = parameters.sampler or (model.samplers[0] if model.samplers else None)
    if sampler is not None and sampler not in model.samplers:
        raise InvalidInput("parameters.sampler", f"{sampler} is not a sampler of model {model.id}")
    most_steps = limits.max_steps if sampler is None else min(limits.max_steps, model.max_steps[sampler])
    steps = min(model.default_steps, most_steps) if parameters.steps is None else parameters.steps
    check_range("parameters.steps", steps, 1, most_steps)
    return sampler, 1 if sampler is None else steps


def _guidance(parameters: DiffusionParameters, model: ModelDescription) -> float:
    guidance = (
        model.default_guidance_scale if parameters.guidance_scale is None else parameters.guidance_scale
    )
    field = "parameters.guidance_scale"
    if not (math.isfinite(guidance) and 0 <= guidance <= MAX_GUIDANCE_SCALE):
        raise InvalidInput(field, f"must be 0 to {MAX_GUIDANCE_SCALE:g}, not {guidance}")
    if model.guidance is Guidance.NONE and guidance > 1:
        raise InvalidInput(field, f"must be at most 1, which is off: model {model.id} has no guidance")
    if parameters.negative_prompt:
        field = "parameters.negative_prompt"
        if model.guidance is not Guidance.CLASSIFIER_FREE:
            raise InvalidInput(field, f"must be empty: model {model.id} is not guided away from a prompt")
        check_prompt(field, parameters.negative_prompt, model)
    return guidance


def _check_loras(loras: Sequence[LoraChoice]) -> None:
    """Check names and scales; whether the names are loaded is seen when the request takes hold of them."""
    field = "parameters.loras"
    if len(loras) > MAX_LORAS:
        raise InvalidInput(field, f"must be at most {MAX_LORAS}, not {len(loras)}")
    for index, lora in enumerate(loras):
        check_name(f"{field}[{index}].name", lora.name)
        # NaN is not at most anything.
        if not abs(lora.scale) <= MAX_LORA_SCALE:
            raise InvalidInput(
                f"{field}[{index}].scale", f"must be {-MAX_LORA_SCALE:g} to {MAX_LORA_SCALE:g}"
            )
        if any(other.name == lora.name for other in loras[:index]):
            raise InvalidInput(f"{field}[{index}].name", "must not be named twice")


def _truncation(parameters: DiffusionParameters, model: ModelDescription) -> float | None:
    field, truncation = "parameters.truncation", parameters.truncation
    if truncation is None:
        return model.default_truncation
    if model.default_truncation is None:
        raise InvalidInput(field, f"must not be set: model {model.id} has none")
    # NaN is not in the range either.
    if not 0 <= truncation <= 1:
        raise InvalidInput(field, f"must be 0 to 1, not {truncation}")
    return truncation


def check_strength(strength: float) -> None:
    """Raise InvalidInput unless 0 < strength <= 1; NaN is neither."""
    if not 0 < strength <= 1:
        raise InvalidInput("strength", f"must be over 0 and at most 1, not {strength}")


def check_same_size(field: str, sizes: Sequence[tuple[int, int]]) -> None:
    """Raise InvalidInput unless all (width, height) are equal."""
    for index, size in enumerate(sizes):
        if size != sizes[0]:
            raise InvalidInput(f"{field}[{index}]", "must have the size of the first")


def check_latent(field: str, latent: NDArray[np.float32], model: ModelDescription) -> tuple[int, int]:
    """Check a latent [c, h, w] against a model's; return its image's (width, height) in pixels."""
    channels = model.latent_shape[0]
    if latent.ndim != 3 or latent.shape[0] != channels:
        raise InvalidInput(f"{field}.shape", f"must be ({channels}, height, width), not {latent.shape}")
    _, height, width = latent.shape
    scale = model.default_width // model.latent_shape[2]
    if max(height, width) * scale > model.max_size:
        raise InvalidInput(f"{field}.shape", f"must be at most {model.max_size // scale} high and wide")
    return width * scale, height * scale
