"""From requests to work: checks everything, decodes the images, fills in defaults, and builds the task."""

import secrets
from collections.abc import Sequence

from serving.errors import InvalidInput

from imagegen.domain import (
    MAX_SEED,
    Capability,
    DecodeRequest,
    DiffusionParameters,
    EditRequest,
    EncodeRequest,
    GenerateRequest,
    ModelDescription,
    Pixels,
    ScoreMethod,
    ScoreRequest,
)
from imagegen.images import probe, read_mask, read_rgb
from imagegen.registry import ModelRegistry
from imagegen.specs import DenoiseSpec, ImageStart, NoiseStart, ScorePlan
from imagegen.validation import (
    DEFAULT_FLOW_STEPS,
    MAX_IMAGES,
    MAX_SAMPLES,
    Limits,
    Resolved,
    check_envelope,
    check_latent,
    check_pixels,
    check_prompt,
    check_range,
    check_same_size,
    check_seed,
    check_size,
    check_strength,
    resolve,
)


def plan_generate(request: GenerateRequest, models: ModelRegistry, limits: Limits) -> DenoiseSpec:
    """Spec of a generation. Raises InvalidInput, NotFound, NotConfigured."""
    check_envelope(request.request_id, request.priority)
    model = models.resolve(request.model, Capability.GENERATE).description
    check_prompt("prompt", request.prompt, model)
    resolved = resolve(request.parameters, model, limits)
    seeds = seeds_of(request.parameters.seed, resolved.count)
    return denoise_spec(model, request.prompt, request.parameters, resolved, seeds, NoiseStart())


def plan_edit(request: EditRequest, models: ModelRegistry, limits: Limits) -> DenoiseSpec:
    """Spec of an edit; decodes the init image and the mask. Raises InvalidInput, NotFound, NotConfigured."""
    check_envelope(request.request_id, request.priority)
    check_strength(request.strength)
    for name, value in (("width", request.parameters.width), ("height", request.parameters.height)):
        if value is not None:
            raise InvalidInput(f"parameters.{name}", "must not be set: it follows the init image")
    needed = Capability.EDIT if request.mask is None else Capability.INPAINT
    model = models.resolve(request.model, needed).description
    check_prompt("prompt", request.prompt, model)
    width, height = probe(request.init_image, "init_image", limits.max_image_bytes)
    check_size(("init_image", "init_image"), width, height, model)
    if request.mask is not None and probe(request.mask, "mask", limits.max_image_bytes) != (width, height):
        raise InvalidInput("mask", f"must have the init image's size, {width} x {height}")
    resolved = resolve(request.parameters, model, limits, size=(width, height))
    # As StableDiffusionImg2ImgPipeline counts, but never less than one step.
    redone = max(1, min(int(resolved.steps * request.strength), resolved.steps))
    start = ImageStart(
        read_rgb(request.init_image, "init_image"),
        None if request.mask is None else read_mask(request.mask, "mask", request.mask_channel),
    )
    seeds = seeds_of(request.parameters.seed, resolved.count)
    return denoise_spec(
        model, request.prompt, request.parameters, resolved, seeds, start, resolved.steps - redone
    )


def plan_encode(
    request: EncodeRequest, model: ModelDescription, limits: Limits
) -> tuple[list[Pixels], list[int] | None]:
    """Decoded images and, when drawing, a seed for each. Raises InvalidInput."""
    check_seed("seed", request.seed)
    images = read_images(request.images, model, limits)
    return images, None if request.seed is None else list(seeds_of(request.seed, len(images)))


def plan_decode(request: DecodeRequest, model: ModelDescription, limits: Limits) -> None:
    """Check the latents. Raises InvalidInput."""
    check_range("latents", len(request.latents), 1, MAX_IMAGES)
    sizes = [check_latent(f"latents[{i}]", latent, model) for i, latent in enumerate(request.latents)]
    check_same_size("latents", sizes)
    check_pixels("latents", len(sizes), *sizes[0], limits)


def plan_score(request: ScoreRequest, model: ModelDescription, limits: Limits) -> ScorePlan:
    """Decoded images, and the method with its defaults. Raises InvalidInput."""
    check_seed("seed", request.seed)
    check_range("samples", request.samples, 1, MAX_SAMPLES)
    method = request.method or model.score_methods[0]
    if method not in model.score_methods:
        raise InvalidInput("method", f"{method} is not a method of model {model.id}")
    steps = DEFAULT_FLOW_STEPS if request.steps is None else request.steps
    if method is ScoreMethod.PROBABILITY_FLOW:
        check_prompt("prompt", request.prompt, model)
        check_range("steps", steps, 1, limits.max_steps)
    elif request.prompt or request.steps is not None:
        raise InvalidInput("prompt" if request.prompt else "steps", f"must not be set for {method}")
    return ScorePlan(tuple(read_images(request.images, model, limits)), method, steps)


def read_images(files: Sequence[bytes], model: ModelDescription, limits: Limits) -> list[Pixels]:
    """Decode image files of one size once all headers have passed. Raises InvalidInput naming `images[i]`."""
    check_range("images", len(files), 1, MAX_IMAGES)
    sizes = []
    for index, data in enumerate(files):
        field = f"images[{index}]"
        width, height = probe(data, field, limits.max_image_bytes)
        check_size((field, field), width, height, model)
        sizes.append((width, height))
    check_same_size("images", sizes)
    check_pixels("images", len(sizes), *sizes[0], limits)
    return [read_rgb(data, f"images[{index}]") for index, data in enumerate(files)]


def seeds_of(seed: int | None, count: int) -> tuple[int, ...]:
    """One seed an image, counting up from `seed` or from a random one, and round at the end of the range."""
    first = secrets.randbelow(2**53) if seed is None else seed
    return tuple((first + index) % (MAX_SEED + 1) for index in range(count))


def denoise_spec(
    model: ModelDescription,
    prompt: str,
    parameters: DiffusionParameters,
    resolved: Resolved,
    seeds: tuple[int, ...],
    start: NoiseStart | ImageStart,
    first_step: int = 0,
) -> DenoiseSpec:
    """Put a checked request together."""
    return DenoiseSpec(
        model=model.id,
        prompt=prompt,
        negative_prompt=parameters.negative_prompt,
        width=resolved.width,
        height=resolved.height,
        steps=resolved.steps,
        first_step=first_step,
        guidance_scale=resolved.guidance_scale,
        sampler=resolved.sampler,
        seeds=seeds,
        preview_every_steps=resolved.preview_every_steps,
        format=parameters.format,
        start=start,
        truncation=resolved.truncation,
        loras=tuple(sorted(parameters.loras, key=lambda lora: lora.name)),
    )
