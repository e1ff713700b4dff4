"""The starter model takes the very path that any pipeline directory takes."""

from pathlib import Path
from typing import Any

import pytest
from imagegen.config import ImagegenSettings
from quadrille.image.v1 import image_pb2 as pb

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
