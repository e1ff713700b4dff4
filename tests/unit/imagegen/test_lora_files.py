import contextlib
import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagegen.models.lora_files import layers_of, read_adapter
from safetensors.torch import load_file, save, save_file
from serving.loras import Adapter, LoraLimit, LoraUnfit
from torch import nn

LINEAR, CONV = "unet.down.to_q", "unet.down.conv"


@pytest.fixture(scope="module")
def parts() -> dict[str, nn.Module]:
    down = nn.ModuleDict(
        {
            "to_q": nn.Linear(6, 4),
            "conv": nn.Conv2d(3, 5, 3),
            "grouped": nn.Conv2d(4, 4, 3, groups=2),
            "norm": nn.LayerNorm(4),
        }
    )
    return {"unet": nn.ModuleDict({"down": down})}


def tensors(rank: int = 2, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        f"{LINEAR}.lora_A.weight": torch.randn(rank, 6, dtype=dtype),
        f"{LINEAR}.lora_B.weight": torch.randn(4, rank, dtype=dtype),
        f"{CONV}.lora_A.weight": torch.randn(rank, 3, 3, 3, dtype=dtype),
        f"{CONV}.lora_B.weight": torch.randn(5, rank, 1, 1, dtype=dtype),
    }


def write(folder: Path, weights: dict[str, torch.Tensor] | bytes | None = None, told: object = None) -> Path:
    path = folder / "pytorch_lora_weights.safetensors"
    if isinstance(weights, bytes):
        path.write_bytes(weights)
    else:
        metadata = {} if told is None else {"lora_adapter_metadata": json.dumps(told)}
        save_file(tensors() if weights is None else weights, path, metadata)
    return folder


def read(folder: Path, parts: dict[str, nn.Module], max_rank: int = 4, max_bytes: int = 1000) -> Adapter:
    return read_adapter("x", folder, parts, layers_of(parts), max_rank=max_rank, max_bytes=max_bytes)


def test_linear_and_plain_convolutional_layers_take_adapters(parts: dict[str, nn.Module]) -> None:
    assert set(layers_of(parts)) == {LINEAR, CONV}


def test_what_is_read_is_what_the_file_holds(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    adapter, plain = read(write(tmp_path), parts), tensors()
    content = (tmp_path / "pytorch_lora_weights.safetensors").read_bytes()
    assert (adapter.name, adapter.rank, adapter.sha256) == ("x", 2, sha256(content).hexdigest())
    assert adapter.size_bytes == 4 * sum(tensor.numel() for tensor in plain.values())
    for layer, (down, up) in adapter.weights.items():
        torch.testing.assert_close(down, plain[f"{layer}.lora_A.weight"])
        torch.testing.assert_close(up, plain[f"{layer}.lora_B.weight"])


def test_ranks_of_layers_may_differ(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    linear = {name: tensor for name, tensor in tensors(4).items() if name.startswith(LINEAR)}
    assert read(write(tmp_path, tensors() | linear), parts).rank == 4


@pytest.mark.parametrize(
    ("told", "scale"), [({"lora_alpha": 8}, 4.0), ({"lora_alpha": 8, "use_rslora": True}, 8 / 2**0.5)]
)
def test_the_scale_is_in_the_second_matrix(
    tmp_path: Path, parts: dict[str, nn.Module], told: dict[str, object], scale: float
) -> None:
    told = {f"unet.{key}": value for key, value in {"r": 2, **told}.items()}
    told["text_encoder.r"] = 7  # another part's
    up = read(write(tmp_path, told=told), parts).weights[LINEAR][1]
    torch.testing.assert_close(up, scale * tensors()[f"{LINEAR}.lora_B.weight"])


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_become_those_of_the_layers(tmp_path: Path, stored: torch.dtype) -> None:
    half: dict[str, nn.Module] = {
        "unet": nn.ModuleDict(
            {"down": nn.ModuleDict({"to_q": nn.Linear(6, 4), "conv": nn.Conv2d(3, 5, 3)})}
        ).to(torch.bfloat16)
    }
    adapter = read(write(tmp_path, tensors(dtype=stored)), half)
    assert {each.dtype for pair in adapter.weights.values() for each in pair} == {torch.bfloat16}
    assert adapter.size_bytes == 2 * sum(tensor.numel() for tensor in tensors().values())


@pytest.mark.parametrize(
    "told",
    [
        {"unet.r": 2, "unet.lora_alpha": 2, "unet.use_dora": True},
        {"unet.r": 2, "unet.lora_alpha": 2, "unet.alpha_pattern": {"to_q": 4}},
        {"unet.r": 2, "unet.lora_alpha": 2, "unet.bias": "all"},
        {"unet.r": 3, "unet.lora_alpha": 2},
        {"unet.r": 2},
        [],
    ],
)
def test_what_is_told_and_not_served_is_refused(
    tmp_path: Path, parts: dict[str, nn.Module], told: object
) -> None:
    with pytest.raises(LoraUnfit):
        read(write(tmp_path, told=told), parts)


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    found = tensors()
    for name, tensor in changes.items():
        if tensor is None:
            del found[name]
        else:
            found[name] = tensor
    return found


@pytest.mark.parametrize(
    "weights",
    [
        {},
        b"",
        b"\xff" * 100,
        save(tensors())[:-1],
        changed(**{f"{LINEAR}.lora_A.weight": None}),
        changed(**{f"{LINEAR}.lora_A.weight": torch.zeros(2, 7)}),
        changed(**{f"{LINEAR}.lora_A.weight": torch.zeros(0, 6)}),
        changed(**{f"{LINEAR}.lora_A.weight": torch.zeros(())}),
        changed(**{f"{LINEAR}.lora_B.weight": torch.zeros(4, 3)}),
        changed(**{f"{CONV}.lora_A.weight": torch.zeros(2, 3, 1, 1)}),
        changed(**{f"{CONV}.lora_B.weight": torch.zeros(5, 2)}),
        changed(**{f"{LINEAR}.lora_A.weight": torch.zeros(2, 6, dtype=torch.float64)}),
        changed(**{f"{LINEAR}.lora_A.weight": torch.full((2, 6), float("nan"))}),
    ],
)
def test_what_fits_no_layer_is_refused(
    tmp_path: Path, parts: dict[str, nn.Module], weights: dict[str, torch.Tensor] | bytes
) -> None:
    with pytest.raises(LoraUnfit):
        read(write(tmp_path, weights), parts)


def test_limits(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    size = read(write(tmp_path), parts, max_rank=2).size_bytes
    assert read(tmp_path, parts, max_bytes=size).size_bytes == size
    with pytest.raises(LoraLimit, match="rank"):
        read(tmp_path, parts, max_rank=1)
    with pytest.raises(LoraLimit, match=f"{size} bytes"):
        read(tmp_path, parts, max_bytes=size - 1)
    with (tmp_path / "pytorch_lora_weights.safetensors").open("r+b") as file:
        file.truncate(2 * 1000 + 16 * 1024 * 1024 + 1)
    with pytest.raises(LoraLimit, match="safetensors is over"):
        read(tmp_path, parts)


def test_a_file_is_refused_by_its_header_before_its_numbers_are_read(
    tmp_path: Path, parts: dict[str, nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegen.models.lora_files.read_bounded", pytest.fail)
    write(tmp_path)
    for limits in ({"max_rank": 1}, {"max_bytes": 1}):
        with pytest.raises(LoraLimit):
            read(tmp_path, parts, **limits)
    with pytest.raises(LoraUnfit):
        read(write(tmp_path, changed(**{f"{LINEAR}.lora_B.weight": None})), parts)


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, parts: dict[str, nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegen.models.lora_files.read_bounded", lambda path, most: save(tensors(1)))
    with pytest.raises(LoraUnfit, match="changed"):
        read(write(tmp_path), parts)


def test_a_folder_holds_one_file(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    with pytest.raises(LoraUnfit, match="0 safetensors"):
        read(tmp_path, parts)
    save_file(load_file(write(tmp_path) / "pytorch_lora_weights.safetensors"), tmp_path / "b.safetensors")
    with pytest.raises(LoraUnfit, match="2 safetensors"):
        read(tmp_path, parts)
    (tmp_path / "pytorch_lora_weights.safetensors").unlink()
    assert read(tmp_path, parts).rank == 2


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused_or_read(
    tmp_path: Path, parts: dict[str, nn.Module], data: st.DataObject
) -> None:
    content = bytearray(save(tensors(), {"lora_adapter_metadata": '{"unet.r": 2, "unet.lora_alpha": 2}'}))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    with contextlib.suppress(LoraUnfit, LoraLimit):
        read(write(tmp_path, bytes(content[: cut or None])), parts)
