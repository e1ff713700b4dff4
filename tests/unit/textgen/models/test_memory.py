import pytest
import torch
from safetensors.torch import load_file, save_file
from serving.errors import Overloaded
from textgen.models.memory import out_of_memory_refused, release


def resident():
    with open("/proc/self/statm") as file:  # noqa: PTH123 - no file
        return int(file.read().split()[1]) * 4096


def test_no_memory_on_the_device_is_a_refusal_that_says_when_to_come_again():
    with pytest.raises(Overloaded) as refused, out_of_memory_refused():
        raise torch.OutOfMemoryError("no room")
    assert refused.value.retry_after_s == 1.0


def test_the_pages_of_a_mapped_file_go_with_a_weight_though_another_still_lives(tmp_path):
    size = 32 << 20
    save_file({"a": torch.ones(size // 2).bfloat16(), "b": torch.ones(5000)}, tmp_path / "w.safetensors")
    tensors = load_file(tmp_path / "w.safetensors")
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight = torch.nn.Parameter(tensors.pop("a"), requires_grad=False)
    assert float(layer.weight.float().sum()) == size // 2
    before = resident()
    release(layer)
    assert before - resident() > size * 0.9
    assert layer.weight.numel() == 0
    assert float(tensors["b"].sum()) == 5000


def test_weights_beside_the_released_ones_stay_as_they_are():
    beside = [torch.full((4099,), float(place)) for place in range(9)]  # of no page's size
    layer = torch.nn.Linear(4099, 3)
    release(layer)
    assert [float(each.mean()) for each in beside] == list(range(9))
    assert [parameter.numel() for parameter in layer.parameters()] == [0, 0]
