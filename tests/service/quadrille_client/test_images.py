import struct

import pytest
from quadrille.image.v1 import adapters_pb2, adapters_pb2_grpc, image_pb2_grpc
from quadrille.image.v1 import image_pb2 as pb
from quadrille_client import LatentPoint, Tensor
from quadrille_client.types.text import Lora


class Copier(image_pb2_grpc.ImageServiceServicer):
    """Its images are descriptions of what was asked."""

    def Generate(self, request, context):
        loras = "".join(f" +{lora.name}={lora.scale:g}" for lora in request.parameters.loras)
        yield from run(pb.GenerateResponse, request.prompt + loras, request.parameters)

    def Edit(self, request, context):
        masked = request.mask.data if request.HasField("mask") else b"all"
        told = f"{request.prompt} {request.init_image.data!r} {masked!r} {request.strength:.2f}"
        told += " by alpha" * (request.mask_channel == pb.MASK_CHANNEL_ALPHA)
        yield from run(pb.EditResponse, told, request.parameters)

    def Interpolate(self, request, context):
        ends = [getattr(end, end.WhichOneof("place")) for end in (request.start, request.end)]
        method = pb.InterpolationMethod.Name(request.method)
        yield from run(pb.InterpolateResponse, f"{ends} {method} {request.frame_count}", request.parameters)

    def Encode(self, request, context):
        latents = [pb.Tensor(shape=[1, 1, len(item.data)], data=item.data) for item in request.images]
        return pb.EncodeResponse(latents=latents)

    def Decode(self, request, context):
        images = [pb.Image(data=item.data, format=request.format, width=1) for item in request.latents]
        return pb.DecodeResponse(images=images)

    def Score(self, request, context):
        bounds = [
            pb.LikelihoodBound(elbo=-len(item.data), standard_error=request.samples)
            for item in request.images
        ]
        return pb.ScoreResponse(bounds=bounds)

    def ListModels(self, request, context):
        model = pb.Model(
            id="copier",
            capabilities=[pb.CAPABILITY_EDIT],
            samplers=[pb.SAMPLER_DPM_SOLVER_PP],
            conditioning=pb.CONDITIONING_LABEL,
            labels=["cat"],
            guidance=pb.GUIDANCE_NONE,
            default_truncation=0.5,
            loras=["dots"],
        )
        return pb.ListModelsResponse(models=[model])


class Adapters(adapters_pb2_grpc.AdapterServiceServicer):
    """Whatever is asked is there."""

    def LoadLora(self, request, context):
        return adapters_pb2.LoadLoraResponse(
            model=request.model, name=request.name, rank=4, size_bytes=9, sha256="aa"
        )

    def UnloadLora(self, request, context):
        return adapters_pb2.UnloadLoraResponse(model=request.model)

    def ListLoras(self, request, context):
        loras = [adapters_pb2.LoadedLora(name=name, rank=2, size_bytes=8, sha256="bb") for name in "ab"]
        return adapters_pb2.ListLorasResponse(model=request.model or "copier", loras=loras)


def run(response, told, parameters):
    yield response(queued=pb.Queued(request_id="r", model="copier", queue_position=2))
    yield response(progress=pb.Progress(step=1, step_count=2))
    yield response(preview=pb.Preview(index=0, step=1, image=pb.Image(data=b"early")))
    for index in reversed(range(parameters.count or 1)):
        image = pb.Image(data=told.encode(), format=parameters.format, width=parameters.width)
        yield response(image=pb.ImageResult(index=index, image=image, seed=parameters.seed + index))
    timings = pb.Timings(denoise_ms=5, energy_joules=2, device_share_ms=3, batch_occupancy=0.5)
    yield response(finished=pb.Finished(image_count=1, timings=timings))


@pytest.fixture
def call(serve, driver):
    address = serve(
        (image_pb2_grpc.add_ImageServiceServicer_to_server, Copier()),
        (adapters_pb2_grpc.add_AdapterServiceServicer_to_server, Adapters()),
    )
    return lambda use: driver.call(address, use)


def test_images_come_in_order(call):
    images = call(lambda c: c.images.generate("a cat", count=2, seed=5, width=64, format="png"))
    assert [(item.index, item.seed) for item in images] == [(0, 5), (1, 6)]
    picture = images[0].image
    assert (picture.data, picture.format, picture.width) == (b"a cat", "png", 64)


def test_a_run_is_its_events(call):
    events = call(lambda c: c.images.stream_generate("a cat", preview_every_steps=1))
    queued, progress, preview, image, finished = events
    assert (queued.model, queued.queue_position) == ("copier", 2)
    assert (progress.step, progress.step_count) == (1, 2)
    assert preview.image.data == b"early"
    assert image.index == 0
    assert (finished.timings.denoise_ms, finished.timings.energy_joules) == (5, 2)
    assert (finished.timings.device_share_ms, finished.timings.batch_occupancy) == (3, 0.5)


def test_edit(call):
    (image,) = call(lambda c: c.images.edit("blue", b"IMG", mask=b"MASK", strength=0.5))
    assert image.image.data == b"blue b'IMG' b'MASK' 0.50"
    (image,) = call(lambda c: c.images.edit("blue", b"IMG", mask=b"MASK", mask_channel="alpha"))
    assert image.image.data.endswith(b"by alpha")
    (image,) = call(lambda c: c.images.edit("blue", b"IMG"))
    assert b"b'all'" in image.image.data


def test_interpolate(call):
    ends = (LatentPoint(seed=1), LatentPoint(seed=2))
    (frame,) = call(lambda c: c.images.interpolate(*ends, frame_count=3, method="linear"))
    assert frame.image.data == b"[1, 2] INTERPOLATION_METHOD_LINEAR 3"


def test_latents_there_and_back(call):
    (latent,) = call(lambda c: c.images.encode([struct.pack("<f", 1.5)]))
    assert latent == Tensor((1, 1, 4), struct.pack("<f", 1.5))
    (picture,) = call(lambda c: c.images.decode([latent], format="webp"))
    assert (picture.data, picture.format) == (latent.data, "webp")


def test_score(call):
    first, second = call(lambda c: c.images.score([b"a", b"bb"], samples=3))
    assert (first.elbo, second.elbo, second.standard_error) == (-1, -2, 3)


def test_models(call):
    (model,) = call(lambda c: c.images.models())
    assert (model.id, model.capabilities, model.samplers) == ("copier", ("edit",), ("dpm_solver_pp",))
    assert (model.conditioning, model.labels, model.guidance) == ("label", ("cat",), "none")
    assert (model.default_truncation, model.loras) == (0.5, ("dots",))


def test_adapters_are_named_with_their_scales(call):
    (image,) = call(lambda c: c.images.generate("a cat", loras={"dots": 0.5, "lines": 0}))
    assert image.image.data == b"a cat +dots=0.5 +lines=0"


def test_adapters(call):
    assert call(lambda c: c.images.loras.load("x", model="m")) == Lora("m", "x", 4, 9, "aa")
    assert call(lambda c: c.images.loras.unload("x")) is None
    assert call(lambda c: c.images.loras.list()) == tuple(Lora("copier", name, 2, 8, "bb") for name in "ab")


def test_a_misspelt_option_is_refused_here(call):
    with pytest.raises(TypeError, match="step_count"):
        call(lambda c: c.images.generate("a cat", step_count=3))
    with pytest.raises(ValueError, match="format must be one of"):
        call(lambda c: c.images.generate("a cat", format="gif"))
