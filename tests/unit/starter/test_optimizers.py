"""Rates are a part of their peaks, and every parameter is moved once."""

import torch
from torch import nn

from starter.optimizers import Optimizers


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(4, 3)
        self.inner = nn.Linear(3, 3)
        self.stack = nn.Parameter(torch.randn(2, 3, 3))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return (self.inner(self.embed(ids)) @ self.stack).square().mean()


def optimizers(net: nn.Module) -> Optimizers:
    def is_inner(name: str, parameter: nn.Parameter) -> bool:
        return parameter.ndim >= 2 and "embed" not in name

    return Optimizers(net, is_inner, matrix_rate=0.1, peak_rate=0.01)


def test_a_step_moves_every_parameter_at_its_part_of_the_peaks() -> None:
    torch.manual_seed(0)
    net = Net()
    moved = optimizers(net)
    assert [type(one).__name__ for one in moved.all] == ["AdamW", "Muon", "StackedMuon"]
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    net(torch.arange(4)).backward()
    moved.step(0.5)
    assert [one.param_groups[0]["lr"] for one in moved.all] == [0.005, 0.05, 0.05]
    for name, weight in net.named_parameters():
        assert not torch.equal(weight, before[name]), name
    moved.zero_grad()
    assert not any(weight.grad is not None for weight in net.parameters())
    moved.step(0.25)
    assert [one.param_groups[0]["lr"] for one in moved.all] == [0.0025, 0.025, 0.025]


def test_without_matrices_there_is_adam_alone() -> None:
    alone = Optimizers(nn.Linear(2, 2), lambda name, weight: False, matrix_rate=0.1, peak_rate=0.01)
    assert [type(one).__name__ for one in alone.all] == ["AdamW"]
