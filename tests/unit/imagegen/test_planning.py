import io

import numpy as np
import pytest
from imagegen.domain import (
    DecodeRequest,
    DiffusionParameters,
    EditRequest,
    EncodeRequest,
    GenerateRequest,
    ImageFormat,
    LoraChoice,
    ScoreRequest,
)
from imagegen.images import write
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.models.vae import VaeModel
from imagegen.planning import plan_decode, plan_edit, plan_encode, plan_generate, plan_score
from imagegen.registry import ModelRegistry
from imagegen.specs import ImageStart
from imagegen.validation import Limits
from PIL import Image
from serving.errors import InvalidInput, NotConfigured

LIMITS = Limits()


def picture(width: int, height: int, value: int = 128) -> bytes:
    return write(np.full((height, width, 3), value, dtype=np.uint8), ImageFormat.PNG).data


@pytest.fixture(scope="module")
def models(pipeline: StableDiffusionModel) -> ModelRegistry:
    return ModelRegistry([pipeline])


def test_sets_of_adapters_are_equal_whatever_their_order(models: ModelRegistry) -> None:
    one, two = LoraChoice("one", 0.5), LoraChoice("two")
    for loras in ((one, two), (two, one)):
        request = GenerateRequest(parameters=DiffusionParameters(loras=loras))
        assert plan_generate(request, models, LIMITS).loras == (one, two)


def test_image_i_has_seed_plus_i(models: ModelRegistry) -> None:
    request = GenerateRequest(parameters=DiffusionParameters(seed=5, count=3))
    assert plan_generate(request, models, LIMITS).seeds == (5, 6, 7)
    last = GenerateRequest(parameters=DiffusionParameters(seed=2**63 - 1, count=2))
    assert plan_generate(last, models, LIMITS).seeds == (2**63 - 1, 0)


def test_seeds_are_random_when_not_given(models: ModelRegistry) -> None:
    first, second = (plan_generate(GenerateRequest(), models, LIMITS).seeds for _ in range(2))
    assert first != second


@pytest.mark.parametrize(("strength", "steps"), [(1.0, 10), (0.8, 8), (0.55, 5), (0.01, 1)])
def test_strength_is_the_part_that_is_redone(models: ModelRegistry, strength: float, steps: int) -> None:
    request = EditRequest(picture(16, 16), strength=strength, parameters=DiffusionParameters(steps=10))
    spec = plan_edit(request, models, LIMITS)
    assert (spec.step_count, spec.first_step) == (steps, 10 - steps)


def test_size_of_an_edit_is_its_images(models: ModelRegistry) -> None:
    spec = plan_edit(EditRequest(picture(24, 8)), models, LIMITS)
    assert (spec.width, spec.height) == (24, 8)
    assert isinstance(spec.start, ImageStart) and spec.start.image.shape == (8, 24, 3)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (EditRequest(picture(17, 16)), "init_image"),
        (EditRequest(picture(64, 16)), "init_image"),
        (EditRequest(b"junk"), "init_image.data"),
        (EditRequest(picture(16, 16), mask=picture(16, 18)), "mask"),
        (EditRequest(picture(16, 16), mask=b"junk"), "mask.data"),
        (EditRequest(picture(16, 16), strength=0.0), "strength"),
        (EditRequest(picture(16, 16), parameters=DiffusionParameters(width=16)), "parameters.width"),
        (EditRequest(picture(16, 16), parameters=DiffusionParameters(height=16)), "parameters.height"),
        (EditRequest(picture(16, 16), prompt="x" * 4097), "prompt"),
    ],
)
def test_bad_edits(models: ModelRegistry, request_: EditRequest, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_edit(request_, models, LIMITS)
    assert caught.value.field == field


def test_huge_picture_is_refused_by_its_header(models: ModelRegistry) -> None:
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    with pytest.raises(InvalidInput, match="init_image"):
        plan_edit(EditRequest(buffer.getvalue()), models, LIMITS)


@pytest.mark.parametrize(
    ("images", "field"),
    [
        ((), "images"),
        ((picture(16, 16),) * 17, "images"),
        ((picture(16, 16), picture(16, 18)), "images[1]"),
        ((picture(16, 16), b""), "images[1].data"),
        ((picture(15, 16),), "images[0]"),
    ],
)
def test_bad_image_lists(vae: VaeModel, images: tuple[bytes, ...], field: str) -> None:
    for plan, request in ((plan_encode, EncodeRequest(images)), (plan_score, ScoreRequest(images))):
        with pytest.raises(InvalidInput) as caught:
            plan(request, vae.description, LIMITS)  # type: ignore[operator]
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("samples", "seed", "field"),
    [(0, 0, "samples"), (65, 0, "samples"), (10**9, 0, "samples"), (1, -1, "seed")],
)
def test_bad_scores(vae: VaeModel, samples: int, seed: int, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_score(ScoreRequest((picture(16, 16),), samples, seed), vae.description, LIMITS)
    assert caught.value.field == field


def test_bad_latents(vae: VaeModel) -> None:
    good, other = np.zeros((4, 8, 8), np.float32), np.zeros((4, 8, 4), np.float32)
    plan_decode(DecodeRequest((good, good)), vae.description, LIMITS)
    for latents, field in (((), "latents"), ((good,) * 17, "latents"), ((good, other), "latents[1]")):
        with pytest.raises(InvalidInput) as caught:
            plan_decode(DecodeRequest(latents), vae.description, LIMITS)
        assert caught.value.field == field


def test_without_a_denoiser_generation_is_not_configured(vae: VaeModel) -> None:
    with pytest.raises(NotConfigured, match="QUADRILLE_IMAGEGEN_MODELS"):
        plan_generate(GenerateRequest(), ModelRegistry([vae]), LIMITS)
