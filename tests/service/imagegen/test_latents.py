import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quadrille.image.v1 import image_pb2 as pb

PICTURES = np.random.default_rng(1).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)


def png(pixels: Any) -> pb.Image:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pb.Image(data=buffer.getvalue())


FILES = [png(picture) for picture in PICTURES]


@pytest.mark.parametrize("model", ["", "tiny", "vae"])
async def test_encode_then_decode(stub: Any, model: str) -> None:
    encoded = await stub.Encode(pb.EncodeRequest(model=model, images=FILES))
    assert encoded.model == (model or "tiny")
    assert [list(latent.shape) for latent in encoded.latents] == [[4, 8, 12]] * 3
    assert encoded.timings.encode_ms > 0
    request = pb.DecodeRequest(model=model, latents=encoded.latents, format=pb.IMAGE_FORMAT_WEBP)
    decoded = await stub.Decode(request)
    assert [(image.width, image.height) for image in decoded.images] == [(24, 16)] * 3
    assert Image.open(io.BytesIO(decoded.images[0].data)).format == "WEBP"
    assert decoded.timings.decode_ms > 0
    (one,) = (await stub.Encode(pb.EncodeRequest(model=model, images=FILES[1:2]))).latents
    assert np.allclose(
        np.frombuffer(one.data, "<f4"), np.frombuffer(encoded.latents[1].data, "<f4"), atol=1e-4
    )


async def test_encoding_with_a_seed_draws(stub: Any) -> None:
    mean, first, again, other = [
        (await stub.Encode(pb.EncodeRequest(images=FILES[:1], seed=seed))).latents[0].data
        for seed in (None, 0, 0, 1)
    ]
    assert first == again
    assert len({mean, first, other}) == 3


async def test_score(stub: Any) -> None:
    scored = await stub.Score(pb.ScoreRequest(images=FILES))
    assert len(scored.bounds) == 3 and scored.model == "tiny"
    assert "autoencoder" in scored.method and "8-bit" in scored.method
    for bound in scored.bounds:
        assert bound.elbo == pytest.approx(bound.reconstruction - bound.kl_divergence)
        assert bound.bits_per_dimension == pytest.approx(-bound.elbo / math.log(2) / (16 * 24 * 3))
        assert bound.standard_error > 0
    again = await stub.Score(pb.ScoreRequest(images=FILES[2:], seed=0, samples=4))
    assert again.bounds[0].elbo == pytest.approx(scored.bounds[2].elbo, rel=1e-5)
    single = await stub.Score(pb.ScoreRequest(images=FILES[2:], samples=1))
    assert single.bounds[0].standard_error == 0


async def test_list_models_tells_the_truth(stub: Any) -> None:
    tiny, vae = (await stub.ListModels(pb.ListModelsRequest())).models
    assert (tiny.id, tiny.architecture) == ("tiny", "StableDiffusionPipeline")
    assert list(tiny.capabilities) == [number for number in pb.Capability.values() if number]
    others = {pb.SAMPLER_UNSPECIFIED, pb.SAMPLER_FLOW_MATCH_EULER}
    assert set(tiny.samplers) == set(pb.Sampler.values()) - others
    assert (tiny.conditioning, tiny.guidance) == (pb.CONDITIONING_TEXT, pb.GUIDANCE_CLASSIFIER_FREE)
    assert (vae.conditioning, vae.guidance) == (pb.CONDITIONING_NONE, pb.GUIDANCE_NONE)
    assert tiny.samplers[0] == pb.SAMPLER_DDIM
    assert (tiny.default_width, tiny.max_size, tiny.size_granularity, tiny.default_steps) == (16, 32, 2, 4)
    assert (vae.id, vae.architecture) == ("vae", "AutoencoderKL")
    assert pb.CAPABILITY_GENERATE not in vae.capabilities and not vae.samplers
    assert list(vae.latent_shape) == [4, 8, 8]
