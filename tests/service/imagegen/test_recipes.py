"""What the recipes in `starter` write, still untrained, the service loads and draws with."""

from pathlib import Path
from typing import Any

import pytest
from imagegen.config import ImagegenSettings
from quadrille.image.v1 import image_pb2 as pb

from starter.image.generator import LABELS, build_generator
from starter.image.models import save_untrained


@pytest.fixture
def settings(tmp_path: Path) -> ImagegenSettings:
    save_untrained(tmp_path)
    build_generator().save(tmp_path / "gan")
    models = tuple(f"{name}={tmp_path / name}" for name in ("flow", "gan"))
    return ImagegenSettings(port=0, metrics_port=0, models=models)


async def test_the_flow_pipeline_and_the_generator_draw(stub: Any) -> None:
    flow, gan = (await stub.ListModels(pb.ListModelsRequest())).models
    assert flow.samplers == [pb.SAMPLER_FLOW_MATCH_EULER] and (flow.default_width, flow.default_steps) == (
        64,
        20,
    )
    assert tuple(gan.labels) == LABELS and gan.default_truncation == 1
    for model, steps in (("flow", 2), ("gan", 1)):
        request = pb.GenerateRequest(
            model=model, prompt="red circle", parameters=pb.DiffusionParameters(steps=2, seed=1, count=2)
        )
        responses = [response async for response in stub.Generate(request)]
        images = [response.image.image for response in responses if response.HasField("image")]
        assert [(image.width, image.height) for image in images] == [(64, 64)] * 2
        assert images[0].data != images[1].data
        assert responses[-1].finished.image_step_count == 2 * steps
