import math
from dataclasses import replace

import numpy as np
import pytest
from imagegen.domain import (
    Capability,
    Conditioning,
    DiffusionParameters,
    Guidance,
    LoraChoice,
    ModelDescription,
    Sampler,
)
from imagegen.validation import (
    Limits,
    check_envelope,
    check_latent,
    check_pixels,
    check_prompt,
    check_seed,
    check_strength,
    resolve,
)
from serving.errors import InvalidInput

MODEL = ModelDescription(
    id="m",
    architecture="StableDiffusionPipeline",
    capabilities=frozenset(Capability),
    samplers=(Sampler.EULER, Sampler.DPM_SOLVER_PP),
    max_steps={Sampler.EULER: 1000, Sampler.DPM_SOLVER_PP: 999},
    default_width=64,
    default_height=32,
    max_size=128,
    size_granularity=8,
    default_steps=20,
    default_guidance_scale=5.0,
    latent_shape=(4, 4, 8),
    parameter_count=1,
    dtype="float32",
    device="cpu",
    conditioning=Conditioning.TEXT,
    guidance=Guidance.CLASSIFIER_FREE,
)
UNCONDITIONAL = replace(
    MODEL, conditioning=Conditioning.NONE, guidance=Guidance.NONE, default_guidance_scale=0.0
)
DISTILLED = replace(MODEL, guidance=Guidance.DISTILLED)
GENERATOR = replace(
    UNCONDITIONAL,
    conditioning=Conditioning.LABEL,
    labels=("cat", "dog"),
    samplers=(),
    max_steps={},
    default_steps=1,
    default_truncation=0.7,
)
CLASSES = replace(MODEL, conditioning=Conditioning.LABEL, labels=("cat", "dog"))
LIMITS = Limits(max_request_pixels=16 * 64 * 64)


def test_defaults_are_the_models() -> None:
    resolved = resolve(DiffusionParameters(), MODEL, LIMITS)
    assert (resolved.width, resolved.height, resolved.steps, resolved.count) == (64, 32, 20, 1)
    assert (resolved.sampler, resolved.guidance_scale) == (Sampler.EULER, 5.0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"width": 100_000}, "parameters.width"),
        ({"height": 10_000}, "parameters.height"),
        ({"width": 65}, "parameters.width"),
        ({"width": 0}, "parameters.width"),
        ({"height": -8}, "parameters.height"),
        ({"steps": 10**6}, "parameters.steps"),
        ({"steps": 0}, "parameters.steps"),
        ({"steps": -3}, "parameters.steps"),
        ({"steps": 1000, "sampler": Sampler.DPM_SOLVER_PP}, "parameters.steps"),
        ({"count": 10**9}, "parameters.count"),
        ({"count": 0}, "parameters.count"),
        ({"count": 16, "width": 128, "height": 128}, "parameters.count"),
        ({"guidance_scale": math.nan}, "parameters.guidance_scale"),
        ({"guidance_scale": math.inf}, "parameters.guidance_scale"),
        ({"guidance_scale": 50.1}, "parameters.guidance_scale"),
        ({"guidance_scale": -0.1}, "parameters.guidance_scale"),
        ({"seed": -1}, "parameters.seed"),
        ({"seed": 2**63}, "parameters.seed"),
        ({"preview_every_steps": -1}, "parameters.preview_every_steps"),
        ({"preview_every_steps": 1001}, "parameters.preview_every_steps"),
        ({"negative_prompt": "é" * 2049}, "parameters.negative_prompt"),
        ({"sampler": Sampler.DDPM}, "parameters.sampler"),
        ({"truncation": 0.5}, "parameters.truncation"),
        ({"loras": (LoraChoice("a"), LoraChoice("../b"))}, "parameters.loras[1].name"),
        ({"loras": (LoraChoice(""),)}, "parameters.loras[0].name"),
        ({"loras": (LoraChoice("a", 1), LoraChoice("a", 2))}, "parameters.loras[1].name"),
        ({"loras": (LoraChoice("a", math.nan),)}, "parameters.loras[0].scale"),
        ({"loras": (LoraChoice("a", -10.1),)}, "parameters.loras[0].scale"),
        ({"loras": tuple(LoraChoice(name) for name in "abcdefghi")}, "parameters.loras"),
    ],
)
def test_bad_parameters_are_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve(replace(DiffusionParameters(), **changes), MODEL, LIMITS)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_bounds_themselves_are_accepted() -> None:
    good = DiffusionParameters(
        steps=1000, guidance_scale=50.0, seed=2**63 - 1, count=16, width=128, height=32
    )
    assert resolve(good, MODEL, LIMITS).count == 16
    assert resolve(replace(good, steps=1, guidance_scale=0.0, seed=0, count=1), MODEL, LIMITS).steps == 1


@pytest.mark.parametrize(
    ("model", "changes", "field"),
    [
        (UNCONDITIONAL, {"guidance_scale": 1.5}, "parameters.guidance_scale"),
        (UNCONDITIONAL, {"negative_prompt": "x"}, "parameters.negative_prompt"),
        (DISTILLED, {"negative_prompt": "x"}, "parameters.negative_prompt"),
        (DISTILLED, {"guidance_scale": 50.1}, "parameters.guidance_scale"),
        (CLASSES, {"negative_prompt": "x"}, "parameters.negative_prompt"),
        (GENERATOR, {"negative_prompt": "cat"}, "parameters.negative_prompt"),
        (GENERATOR, {"sampler": Sampler.EULER}, "parameters.sampler"),
        (GENERATOR, {"steps": 0}, "parameters.steps"),
        (GENERATOR, {"truncation": -0.1}, "parameters.truncation"),
        (GENERATOR, {"truncation": 1.1}, "parameters.truncation"),
        (GENERATOR, {"truncation": math.nan}, "parameters.truncation"),
    ],
)
def test_what_a_family_cannot_do_is_named(
    model: ModelDescription, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve(replace(DiffusionParameters(), **changes), model, LIMITS)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_guidance_that_is_off_is_accepted_where_there_is_none() -> None:
    assert resolve(DiffusionParameters(), UNCONDITIONAL, LIMITS).guidance_scale == 0
    assert resolve(DiffusionParameters(guidance_scale=1.0), UNCONDITIONAL, LIMITS).guidance_scale == 1
    assert resolve(DiffusionParameters(guidance_scale=50.0), DISTILLED, LIMITS).guidance_scale == 50
    assert resolve(DiffusionParameters(negative_prompt="dog"), CLASSES, LIMITS).guidance_scale == 5


def test_a_generator_takes_one_step_whatever_is_asked() -> None:
    for steps in (None, 1, 50):
        resolved = resolve(DiffusionParameters(steps=steps), GENERATOR, LIMITS)
        assert (resolved.steps, resolved.sampler, resolved.truncation) == (1, None, 0.7)
    assert resolve(DiffusionParameters(truncation=0.0), GENERATOR, LIMITS).truncation == 0
    assert resolve(DiffusionParameters(), MODEL, LIMITS).truncation is None


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        (MODEL, ("", "any text"), ("x" * 4097,)),
        (UNCONDITIONAL, ("",), ("any text", " ")),
        (CLASSES, ("", "cat"), ("Cat", "cat, dog", "1")),
        (GENERATOR, ("cat", "dog"), ("", "bird")),
    ],
)
def test_prompts_that_models_take(
    model: ModelDescription, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    for text in good:
        check_prompt("prompt", text, model)
    for text in bad:
        with pytest.raises(InvalidInput) as caught:
            check_prompt("prompt", text, model)
        assert caught.value.field == "prompt"


def test_a_refusal_names_some_labels() -> None:
    many = replace(CLASSES, labels=tuple(f"class {i}" for i in range(1000)))
    with pytest.raises(InvalidInput, match=r"class 0, class 1, .*, class 15, \.\.\.$"):
        check_prompt("prompt", "x", many)


def test_operators_step_limit() -> None:
    with pytest.raises(InvalidInput, match=r"parameters\.steps"):
        resolve(DiffusionParameters(steps=51), MODEL, Limits(max_steps=50))


def test_a_models_own_steps_keep_to_the_operators_limit_and_are_nobodys_fault() -> None:
    assert resolve(DiffusionParameters(), MODEL, Limits(max_steps=10)).steps == 10


@pytest.mark.parametrize("strength", [0.0, -0.5, 1.01, math.nan, math.inf])
def test_strength(strength: float) -> None:
    check_strength(1.0)
    with pytest.raises(InvalidInput, match="strength"):
        check_strength(strength)


def test_envelope_and_seed() -> None:
    check_envelope("r" * 128, 100)
    check_seed("seed", None)
    with pytest.raises(InvalidInput, match="request_id"):
        check_envelope("r" * 129)
    with pytest.raises(InvalidInput, match="priority"):
        check_envelope("", 101)


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 8), (4, 17, 8), (4, 4, 17), (1, 4, 4, 8)])
def test_latents_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_latent("latents[0]", np.zeros(shape, dtype=np.float32), MODEL)
    assert caught.value.field == "latents[0].shape"


def test_size_of_a_latents_image() -> None:
    assert check_latent("x", np.zeros((4, 4, 16), dtype=np.float32), MODEL) == (128, 32)


def test_product_of_rows_and_pixels() -> None:
    check_pixels("frame_count", 16, 64, 64, LIMITS)
    with pytest.raises(InvalidInput, match="frame_count"):
        check_pixels("frame_count", 17, 64, 64, LIMITS)


def test_servers_may_send_no_previews() -> None:
    asked = DiffusionParameters(preview_every_steps=2)
    assert resolve(asked, MODEL, LIMITS).preview_every_steps == 2
    assert resolve(asked, MODEL, replace(LIMITS, previews=False)).preview_every_steps == 0
