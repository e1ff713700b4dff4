"""The starter model takes the very path that any pipeline directory takes."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagegen.config import ImagegenSettings
from PIL import Image
from quadrille.image.v1 import image_pb2 as pb

from starter.image.render import render
from starter.image.scenes import sample_scene

STARTER = Path(__file__).parents[3] / "starter" / "image" / "model"


@pytest.fixture
def settings() -> ImagegenSettings:
    return ImagegenSettings(port=0, metrics_port=0, models=(f"starter={STARTER}",))


async def test_the_starter_draws_encodes_and_scores(stub: Any) -> None:
    (model,) = (await stub.ListModels(pb.ListModelsRequest())).models
    assert model.id == "starter" and set(model.capabilities) == {n for n in pb.Capability.values() if n}
    request = pb.GenerateRequest(prompt="a red circle", parameters=pb.DiffusionParameters(steps=2, seed=1))
    results = [r.image async for r in stub.Generate(request) if r.HasField("image")]
    assert (results[0].image.width, results[0].image.height) == (model.default_width, model.default_height)
    scored = await stub.Score(pb.ScoreRequest(images=[results[0].image]))
    assert 0 < scored.bounds[0].bits_per_dimension < 100


async def test_the_starters_flow_tells_its_scenes_from_noise(stub: Any) -> None:
    rng = random.Random(0)
    scene = (render([sample_scene(rng)], rng)[0] * 255).round().astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, scene.shape, dtype=np.uint8)
    request = pb.ScoreRequest(
        images=[png(scene), png(noise)], method=pb.SCORE_METHOD_PROBABILITY_FLOW, samples=2, steps=4
    )
    of_scene, of_noise = (await stub.Score(request)).bounds
    errors = of_scene.standard_error + of_noise.standard_error
    assert of_scene.elbo - of_noise.elbo > 10 * errors > 0


def png(pixels: Any) -> pb.Image:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pb.Image(data=buffer.getvalue())
