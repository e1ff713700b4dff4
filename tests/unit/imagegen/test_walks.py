import numpy as np
import pytest
from imagegen.domain import (
    DiffusionParameters,
    ImageFormat,
    ImagePoint,
    InterpolateRequest,
    LatentPoint,
    SeedPoint,
    TensorPoint,
)
from imagegen.images import write
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.registry import ModelRegistry
from imagegen.specs import DenoiseSpec, WalkStart
from imagegen.validation import Limits
from imagegen.walks import LatentWalk, plan_interpolate
from serving.errors import InvalidInput, NotConfigured

IMAGE = ImagePoint(write(np.zeros((8, 16, 3), np.uint8), ImageFormat.PNG).data)
LATENT = TensorPoint(np.zeros((4, 4, 8), np.float32))
TALL = TensorPoint(np.zeros((4, 8, 4), np.float32))


@pytest.fixture(scope="module")
def models(pipeline: StableDiffusionModel) -> ModelRegistry:
    return ModelRegistry([pipeline])


def test_seeds_are_denoised_and_named_by_the_nearer_end(models: ModelRegistry) -> None:
    plan = plan_interpolate(
        InterpolateRequest(SeedPoint(1, "a"), SeedPoint(2, "b"), frame_count=5), models, Limits()
    )
    assert isinstance(plan, DenoiseSpec) and isinstance(plan.start, WalkStart)
    assert plan.seeds == (1, 1, 1, 2, 2)
    assert (plan.prompt, plan.start.end_prompt) == ("a", "b")


def test_images_and_latents_mix_and_are_only_decoded(models: ModelRegistry) -> None:
    plan = plan_interpolate(InterpolateRequest(IMAGE, LATENT), models, Limits())
    assert isinstance(plan, LatentWalk)
    assert (plan.shape, plan.frames) == ((8, 16), 8)


@pytest.mark.parametrize(
    ("start", "end", "changes", "field"),
    [
        (SeedPoint(1), IMAGE, {}, "end"),
        (LATENT, SeedPoint(1), {}, "end"),
        (LATENT, TALL, {}, "end"),
        (SeedPoint(-1), SeedPoint(1), {}, "start.seed"),
        (SeedPoint(1), SeedPoint(1, "x" * 4097), {}, "end.prompt"),
        (ImagePoint(b"junk"), LATENT, {}, "start.image.data"),
        (LATENT, TensorPoint(np.zeros((3, 4, 8), np.float32)), {}, "end.latent.shape"),
        (LATENT, LATENT, {"frame_count": 1}, "frame_count"),
        (LATENT, LATENT, {"frame_count": 10**9}, "frame_count"),
        (LATENT, LATENT, {"parameters": DiffusionParameters(seed=1)}, "parameters.seed"),
        (LATENT, LATENT, {"parameters": DiffusionParameters(count=1)}, "parameters.count"),
        (SeedPoint(1), SeedPoint(2), {"request_id": "x" * 129}, "request_id"),
    ],
)
def test_bad_walks(
    models: ModelRegistry, start: LatentPoint, end: LatentPoint, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_interpolate(InterpolateRequest(start, end, **changes), models, Limits())  # type: ignore[arg-type]
    assert caught.value.field == field


def test_frames_times_pixels_is_bounded(models: ModelRegistry) -> None:
    for ends in ((SeedPoint(1), SeedPoint(2)), (LATENT, LATENT)):
        with pytest.raises(InvalidInput, match="frame_count"):
            plan_interpolate(InterpolateRequest(*ends), models, Limits(max_request_pixels=1000))


def test_an_autoencoder_walks_between_latents_but_not_between_seeds(vae: VaeModel) -> None:
    models = ModelRegistry([vae])
    assert isinstance(plan_interpolate(InterpolateRequest(LATENT, LATENT), models, Limits()), LatentWalk)
    with pytest.raises(NotConfigured):
        plan_interpolate(InterpolateRequest(SeedPoint(1), SeedPoint(2)), models, Limits())
