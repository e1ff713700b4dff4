"""A server whose only model cannot denoise says what to configure."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from imagegen.config import ImagegenSettings
from quadrille.image.v1 import image_pb2 as pb


@pytest.fixture
def settings(model_paths: tuple[Path, Path]) -> ImagegenSettings:
    return ImagegenSettings(port=0, metrics_port=0, models=(str(model_paths[1]),))


async def test_what_no_model_can_do_is_not_configured(stub: Any) -> None:
    seeds = pb.InterpolateRequest(start=pb.LatentPoint(seed=1), end=pb.LatentPoint(seed=2))
    for call in (stub.Generate(pb.GenerateRequest()), stub.Interpolate(seeds)):
        with pytest.raises(grpc.aio.AioRpcError, match="QUADRILLE_IMAGEGEN_MODELS") as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_the_rest_is_served(stub: Any) -> None:
    latent = pb.Tensor(shape=(4, 8, 8), data=bytes(4 * 4 * 8 * 8))
    decoded = await stub.Decode(pb.DecodeRequest(latents=[latent]))
    assert decoded.images[0].width == 16
