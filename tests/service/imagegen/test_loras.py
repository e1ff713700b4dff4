"""Adapters over gRPC: loaded, listed, named in requests, unloaded, and refused with a reason."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from imagegen.config import ImagegenSettings
from imagegen.models.base import DiffusionModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.testing import save_tiny_lora
from PIL import Image
from quadrille.image.v1 import adapters_pb2, adapters_pb2_grpc
from quadrille.image.v1 import image_pb2 as pb

HALF = pb.Lora(name="dots", scale=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model_paths: tuple[Path, Path]) -> Path:
    model = load_model("tiny", str(model_paths[0]), LoadOptions())
    assert isinstance(model, DiffusionModel)
    folder = tmp_path_factory.mktemp("loras")
    save_tiny_lora(folder / "dots", model.lora_parts, seed=1)
    save_tiny_lora(folder / "kohya", model.lora_parts, seed=2, kohya=True)
    save_tiny_lora(folder / "big", model.lora_parts, seed=3, rank=5)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to(model_paths[0])
    return folder


@pytest.fixture
def settings(settings: ImagegenSettings, folder: Path) -> ImagegenSettings:
    return settings.model_copy(update={"lora_dir": folder, "max_loras": 2, "max_lora_rank": 4})


@pytest.fixture
def admin(channel: grpc.aio.Channel) -> Any:
    return adapters_pb2_grpc.AdapterServiceStub(channel)


def load(name: str, model: str = "") -> adapters_pb2.LoadLoraRequest:
    return adapters_pb2.LoadLoraRequest(name=name, model=model)


def generate(*loras: pb.Lora) -> pb.GenerateRequest:
    return pb.GenerateRequest(parameters=pb.DiffusionParameters(seed=1, loras=loras))


async def drawn(stub: Any, *loras: pb.Lora) -> Any:
    (result,) = [event.image async for event in stub.Generate(generate(*loras)) if event.HasField("image")]
    return Image.open(io.BytesIO(result.image.data))


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailers = dict(caught.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return caught.value.code().name, info.reason


async def test_an_adapter_comes_is_used_and_goes(stub: Any, admin: Any) -> None:
    plain = await drawn(stub)
    facts = await admin.LoadLora(load("dots"))
    assert (facts.model, facts.name, facts.rank, len(facts.sha256)) == ("tiny", "dots", 2, 64)
    assert (await admin.LoadLora(load("kohya", "tiny"))).size_bytes == facts.size_bytes
    listed = await admin.ListLoras(adapters_pb2.ListLorasRequest())
    assert (listed.model, [each.name for each in listed.loras]) == ("tiny", ["dots", "kohya"])
    assert listed.loras[0].sha256 == facts.sha256
    models = (await stub.ListModels(pb.ListModelsRequest())).models
    assert [list(model.loras) for model in models] == [["dots", "kohya"], []]
    changed = await drawn(stub, HALF, pb.Lora(name="kohya"))
    assert changed.text["loras"] == "dots=0.5, kohya=1"
    assert np.abs(np.asarray(changed).astype(int) - np.asarray(plain)).max() > 2
    again = await drawn(stub)
    assert again.tobytes() == plain.tobytes()
    assert "loras" not in again.text
    assert (await admin.UnloadLora(adapters_pb2.UnloadLoraRequest(name="dots"))).model == "tiny"
    assert await refused(stub.Generate(generate(HALF)).read()) == ("NOT_FOUND", "NOT_FOUND")


async def test_refusals_say_why(stub: Any, admin: Any) -> None:
    assert await refused(admin.LoadLora(load("none"))) == ("NOT_FOUND", "NOT_FOUND")
    assert await refused(admin.LoadLora(load("link"))) == ("NOT_FOUND", "NOT_FOUND")
    assert await refused(admin.LoadLora(load("../dots"))) == ("INVALID_ARGUMENT", "INVALID_INPUT")
    assert await refused(admin.LoadLora(load("dots", "what"))) == ("NOT_FOUND", "NOT_FOUND")
    assert await refused(admin.LoadLora(load("empty"))) == ("FAILED_PRECONDITION", "LORA_UNFIT")
    assert await refused(admin.LoadLora(load("big"))) == ("FAILED_PRECONDITION", "LORA_LIMIT")
    await admin.LoadLora(load("dots"))
    assert await refused(admin.LoadLora(load("dots"))) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    gone = admin.UnloadLora(adapters_pb2.UnloadLoraRequest(name="kohya"))
    assert await refused(gone) == ("NOT_FOUND", "NOT_FOUND")


@pytest.mark.parametrize(
    ("loras", "field"),
    [
        ([pb.Lora()], "parameters.loras[0].name"),
        ([HALF, HALF], "parameters.loras[1].name"),
        ([pb.Lora(name="dots", scale=float("nan"))], "parameters.loras[0].scale"),
        ([pb.Lora(name=f"n{number}") for number in range(9)], "parameters.loras"),
    ],
)
async def test_bad_sets_are_named(
    stub: Any, fields: Callable[[grpc.aio.AioRpcError], list[str]], loras: list[pb.Lora], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Generate(generate(*loras)).read()
    assert fields(caught.value) == [field]
