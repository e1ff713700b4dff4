"""The starter's generator is served beside diffusion, and draws what its labels say."""

from pathlib import Path
from typing import Any

import pytest
from imagegen.config import ImagegenSettings
from imagegen.images import read_rgb
from quadrille.image.v1 import image_pb2 as pb

from starter.image import judge

FOLDER = Path(__file__).parents[3] / "starter" / "image" / "gan"
LABELS = ("blue circle", "yellow square", "black cross")


@pytest.fixture
def settings() -> ImagegenSettings:
    return ImagegenSettings(port=0, metrics_port=0, models=(f"starter-gan={FOLDER}",))


async def drawn(stub: Any, label: str, **parameters: Any) -> list[Any]:
    request = pb.GenerateRequest(prompt=label, parameters=pb.DiffusionParameters(**parameters))
    return [r.image.image async for r in stub.Generate(request) if r.HasField("image")]


async def test_it_draws_its_labels(stub: Any) -> None:
    (model,) = (await stub.ListModels(pb.ListModelsRequest())).models
    assert len(model.labels) == 48 and set(LABELS) <= set(model.labels)
    for label in LABELS:
        (image,) = await drawn(stub, label, seed=1, truncation=0.0)
        _, (thing,) = judge.read((read_rgb(image.data, "image") / 255).astype("float32"))
        assert f"{thing.colour} {thing.shape}" == label
