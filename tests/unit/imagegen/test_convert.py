import pytest
from google.protobuf.descriptor import EnumDescriptor
from imagegen import convert
from imagegen.domain import (
    Capability,
    Conditioning,
    DiffusionParameters,
    GenerateRequest,
    Guidance,
    ImageFormat,
    LoraChoice,
    Sampler,
    SeedPoint,
)
from quadrille.image.v1 import image_pb2 as pb
from serving.errors import InvalidInput


def test_unset_is_not_zero() -> None:
    assert convert.generate_request(pb.GenerateRequest()) == GenerateRequest()
    zeros = pb.DiffusionParameters(
        width=0, height=0, steps=0, guidance_scale=0, seed=0, count=0, truncation=0
    )
    assert convert.generate_request(pb.GenerateRequest(parameters=zeros)).parameters == DiffusionParameters(
        width=0, height=0, steps=0, guidance_scale=0.0, seed=0, count=0, truncation=0.0
    )


def test_a_scale_that_is_unset_is_one() -> None:
    loras = [pb.Lora(name="a"), pb.Lora(name="b", scale=0)]
    parameters = pb.DiffusionParameters(loras=loras)
    asked = convert.generate_request(pb.GenerateRequest(parameters=parameters)).parameters
    assert asked.loras == (LoraChoice("a", 1.0), LoraChoice("b", 0.0))


@pytest.mark.parametrize("number", pb.Sampler.values())
def test_every_sampler_is_known(number: pb.Sampler.ValueType) -> None:
    parameters = pb.DiffusionParameters(sampler=number)
    sampler = convert.generate_request(pb.GenerateRequest(parameters=parameters)).parameters.sampler
    assert sampler is (Sampler(pb.Sampler.Name(number).removeprefix("SAMPLER_").lower()) if number else None)


def test_every_enum_value_has_its_place() -> None:
    def names(enum: EnumDescriptor) -> set[str]:
        prefix = "".join("_" + c if c.isupper() else c.upper() for c in enum.name)[1:] + "_"
        return {value.name.removeprefix(prefix).lower() for value in enum.values if value.number}

    assert names(pb.Capability.DESCRIPTOR) == set(Capability)
    assert names(pb.Sampler.DESCRIPTOR) == set(Sampler)
    assert names(pb.ImageFormat.DESCRIPTOR) == set(ImageFormat)
    assert names(pb.Conditioning.DESCRIPTOR) == set(Conditioning)
    assert names(pb.Guidance.DESCRIPTOR) == set(Guidance)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        (pb.DiffusionParameters(sampler=99), "parameters.sampler"),  # type: ignore[arg-type]
        (pb.DiffusionParameters(sampler=-1), "parameters.sampler"),  # type: ignore[arg-type]
        (pb.DiffusionParameters(format=99), "parameters.format"),  # type: ignore[arg-type]
    ],
)
def test_unknown_enum_values_are_refused(parameters: pb.DiffusionParameters, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert.generate_request(pb.GenerateRequest(parameters=parameters))
    assert caught.value.field == field


def test_points_have_one_place_and_prompts_only_with_seeds() -> None:
    def request(start: pb.LatentPoint) -> pb.InterpolateRequest:
        return pb.InterpolateRequest(start=start, end=pb.LatentPoint(seed=2))

    assert convert.interpolate_request(request(pb.LatentPoint(seed=0, prompt="x"))).start == SeedPoint(0, "x")
    for start, field in (
        (pb.LatentPoint(), "start"),
        (pb.LatentPoint(prompt="x"), "start"),
        (pb.LatentPoint(image=pb.Image(data=b"x"), prompt="x"), "start.prompt"),
        (pb.LatentPoint(latent=pb.Tensor()), "start.latent.shape"),
    ):
        with pytest.raises(InvalidInput) as caught:
            convert.interpolate_request(request(start))
        assert caught.value.field == field


def test_an_edit_needs_an_image() -> None:
    with pytest.raises(InvalidInput, match="init_image"):
        convert.edit_request(pb.EditRequest(prompt="x"))
    edit = convert.edit_request(pb.EditRequest(init_image=pb.Image(data=b"x")))
    assert (edit.strength, edit.mask) == (pytest.approx(0.8), None)
