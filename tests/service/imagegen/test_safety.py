"""Signed images under a safety filter, by either policy."""

import io
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from imagegen.config import ImagegenSettings
from imagegen.domain import SafetyPolicy
from imagegen.testing import save_tiny_safety_checker
from imagegen.testing.certificates import issue
from prometheus_client import CollectorRegistry
from quadrille.image.v1 import image_pb2 as pb

COUNT = 8


@pytest.fixture(params=SafetyPolicy)
def policy(request: pytest.FixtureRequest) -> SafetyPolicy:
    return SafetyPolicy(request.param)


@pytest.fixture
def settings(model_paths: tuple[Path, Path], tmp_path: Path, policy: SafetyPolicy) -> ImagegenSettings:
    credentials = issue(tmp_path)
    return ImagegenSettings(
        port=0,
        metrics_port=0,
        models=(f"tiny={model_paths[0]}",),
        c2pa_certificates=credentials.certificates,
        c2pa_key=credentials.key,
        safety_checker=save_tiny_safety_checker(tmp_path / "safety"),
        safety_policy=policy,
    )


async def test_flagged_images_are_told_counted_and_withheld_by_policy(
    stub: Any, registry: CollectorRegistry, policy: SafetyPolicy
) -> None:
    parameters = pb.DiffusionParameters(steps=4, seed=1, count=COUNT, preview_every_steps=1)
    responses = [item async for item in stub.Generate(pb.GenerateRequest(prompt="x", parameters=parameters))]
    results = [item.image for item in responses if item.HasField("image")]
    assert len(results) == COUNT == responses[-1].finished.image_count
    flagged = [bool(result.safety.flags) for result in results]
    assert 0 < sum(flagged) < COUNT
    withheld = [policy is SafetyPolicy.WITHHOLD and flag for flag in flagged]
    for result, hidden in zip(results, withheld, strict=True):
        assert result.HasField("safety") and result.safety.withheld == hidden == (not result.image.data)
        assert (result.image.width, result.image.height) == (16, 16)
        assert all(flag.category.startswith("concept_") and flag.score > 0 for flag in result.safety.flags)
        if not hidden:
            assert signed_by(result.image.data)["version"].startswith("sha256:")
    assert any(item.HasField("preview") for item in responses) == (policy is SafetyPolicy.FLAG)
    counted = [
        registry.get_sample_value(f"quadrille_image_images_{name}_total") for name in ("flagged", "withheld")
    ]
    assert counted == [sum(flagged), sum(withheld)]


async def test_decoded_images_are_judged_and_signed_too(stub: Any, policy: SafetyPolicy) -> None:
    latents = [pb.Tensor(shape=[4, 8, 8], data=bytes([index, 0, 128, 63] * 256)) for index in range(3)]
    decoded = await stub.Decode(pb.DecodeRequest(latents=latents))
    assert len(decoded.safety) == len(decoded.images) == 3
    for image, safety in zip(decoded.images, decoded.safety, strict=True):
        assert safety.withheld == (policy is SafetyPolicy.WITHHOLD and bool(safety.flags)) == (not image.data)
        assert safety.withheld or signed_by(image.data)["name"] == "tiny"


def signed_by(data: bytes) -> dict[str, str]:
    """The software agent that a valid manifest names."""
    with c2pa.Reader("image/png", io.BytesIO(data)) as reader:
        found = json.loads(reader.json())
    assert found["validation_state"] == "Valid"  # the tests' authority is nobody's trust anchor
    (actions,) = (
        item["data"]["actions"]
        for item in found["manifests"][found["active_manifest"]]["assertions"]
        if item["label"].startswith("c2pa.actions")
    )
    agent: dict[str, str] = actions[0]["softwareAgent"]
    return agent
