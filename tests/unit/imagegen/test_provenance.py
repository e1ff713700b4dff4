import dataclasses

from imagegen.domain import ImageFormat, InterpolationMethod, LoraChoice, Sampler
from imagegen.provenance import describe
from imagegen.specs import DenoiseSpec, NoiseStart, WalkStart

SPEC = DenoiseSpec("m", "a cat", "", 8, 8, 20, 0, 7.5, Sampler.DDIM, (3, 4), 0, ImageFormat.PNG, NoiseStart())


def test_text_names_what_is_needed_to_make_it_again() -> None:
    text = describe(SPEC, 4)
    assert text["prompt"] == "a cat"
    assert (text["seed"], text["steps"], text["guidance_scale"]) == ("4", "20", "7.5")
    assert (text["sampler"], text["model"]) == ("ddim", "m")
    assert "negative_prompt" not in text


def test_a_generators_image_names_its_truncation_and_no_sampler() -> None:
    text = describe(dataclasses.replace(SPEC, sampler=None, steps=1, truncation=0.0), 3)
    assert text["truncation"] == "0"
    assert text.keys().isdisjoint({"sampler", "guidance_scale"})
    assert "truncation" not in describe(SPEC, 3)


def test_adapters_are_named_with_their_scales() -> None:
    loras = (LoraChoice("dots", 0.5), LoraChoice("lines"))
    assert describe(dataclasses.replace(SPEC, loras=loras), 3)["loras"] == "dots=0.5, lines=1"
    assert "loras" not in describe(SPEC, 3)


def test_walks_name_their_other_end() -> None:
    walk = dataclasses.replace(SPEC, start=WalkStart("a dog", InterpolationMethod.SLERP))
    assert describe(walk, 3)["end_prompt"] == "a dog"
