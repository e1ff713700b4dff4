"""Plans of interpolations: between two seeds (denoised) or between two latents or images (decoded)."""

import dataclasses
from dataclasses import dataclass

from serving.errors import InvalidInput

from imagegen.domain import (
    Capability,
    ImagePoint,
    InterpolateRequest,
    InterpolationMethod,
    Latent,
    ModelDescription,
    Pixels,
    SeedPoint,
    TensorPoint,
)
from imagegen.images import probe, read_rgb
from imagegen.planning import denoise_spec
from imagegen.registry import ModelRegistry
from imagegen.specs import DenoiseSpec, NoiseStart, WalkStart
from imagegen.validation import (
    MAX_FRAMES,
    Limits,
    check_envelope,
    check_latent,
    check_pixels,
    check_prompt,
    check_range,
    check_seed,
    check_size,
    resolve,
)

_Place = ImagePoint | TensorPoint


@dataclass(frozen=True, slots=True)
class LatentWalk:
    """A walk that denoises nothing; each end is an image or a latent of (height, width) `shape` in pixels."""

    model: str
    ends: tuple[Pixels | Latent, Pixels | Latent]
    shape: tuple[int, int]
    frames: int
    method: InterpolationMethod


def plan_interpolate(
    request: InterpolateRequest, models: ModelRegistry, limits: Limits
) -> DenoiseSpec | LatentWalk:
    """What to run. Raises InvalidInput, NotFound, NotConfigured."""
    check_envelope(request.request_id)
    check_range("frame_count", request.frame_count, 2, MAX_FRAMES)
    for name, value in (("seed", request.parameters.seed), ("count", request.parameters.count)):
        if value is not None:
            raise InvalidInput(f"parameters.{name}", "must not be set for an interpolation")
    start, end = request.start, request.end
    if isinstance(start, SeedPoint) and isinstance(end, SeedPoint):
        return _between_seeds(request, start, end, models, limits)
    if isinstance(start, SeedPoint) or isinstance(end, SeedPoint):
        raise InvalidInput("end", "must be a seed with a seed, otherwise an image or a latent")
    return _between_latents(request, start, end, models, limits)


def _between_latents(
    request: InterpolateRequest, start: _Place, end: _Place, models: ModelRegistry, limits: Limits
) -> LatentWalk:
    needed = [Capability.INTERPOLATE, Capability.DECODE]
    if isinstance(start, ImagePoint) or isinstance(end, ImagePoint):
        needed.append(Capability.ENCODE)
    model = models.resolve(request.model, *needed).description
    size = _size("start", start, model, limits)
    if _size("end", end, model, limits) != size:
        raise InvalidInput("end", "must have the size of the start")
    check_pixels("frame_count", request.frame_count, *size, limits)
    ends = (_read("start", start), _read("end", end))
    return LatentWalk(model.id, ends, (size[1], size[0]), request.frame_count, request.method)


def _between_seeds(
    request: InterpolateRequest, start: SeedPoint, end: SeedPoint, models: ModelRegistry, limits: Limits
) -> DenoiseSpec:
    for field, point in (("start", start), ("end", end)):
        check_seed(f"{field}.seed", point.seed)
    model = models.resolve(request.model, Capability.INTERPOLATE, Capability.GENERATE).description
    check_prompt("start.prompt", start.prompt, model)
    check_prompt("end.prompt", end.prompt, model)
    frames = request.frame_count
    resolved = resolve(request.parameters, model, limits)
    check_pixels("frame_count", frames, resolved.width, resolved.height, limits)
    # A frame carries the seed of its nearer end.
    seeds = tuple(end.seed if 2 * frame >= frames else start.seed for frame in range(frames))
    spec = denoise_spec(model, start.prompt, request.parameters, resolved, seeds, NoiseStart())
    return dataclasses.replace(spec, start=WalkStart(end.prompt, request.method))


def _size(field: str, point: _Place, model: ModelDescription, limits: Limits) -> tuple[int, int]:
    """Checked (width, height) in pixels of an end that is an image or a latent."""
    if isinstance(point, TensorPoint):
        return check_latent(f"{field}.latent", point.latent, model)
    width, height = probe(point.data, f"{field}.image", limits.max_image_bytes)
    check_size((f"{field}.image", f"{field}.image"), width, height, model)
    return width, height


def _read(field: str, point: _Place) -> Pixels | Latent:
    return point.latent if isinstance(point, TensorPoint) else read_rgb(point.data, f"{field}.image")
