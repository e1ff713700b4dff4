"""Training that is interrupted goes on as if it had not been."""

from pathlib import Path

import torch
from torch import nn

from starter.checkpoint import Checkpoint, average, learning_rate


def _train(path: Path, stop: int) -> nn.Linear:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    optimizers = torch.optim.Muon([layer.weight], lr=0.1), torch.optim.AdamW([layer.bias], lr=0.1)
    checkpoint = Checkpoint(path, {"layer": layer}, *optimizers)
    for step in range(checkpoint.load(), stop):
        torch.manual_seed(step)
        for optimizer in optimizers:
            optimizer.zero_grad()
        layer(torch.randn(4, 3)).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    checkpoint.save(stop)
    return layer


def test_resuming_equals_never_stopping(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole.safetensors", 6)
    _train(tmp_path / "parts.safetensors", 3)
    parts = _train(tmp_path / "parts.safetensors", 6)
    assert torch.equal(whole.weight, parts.weight) and torch.equal(whole.bias, parts.bias)
    assert not torch.equal(whole.weight, _train(tmp_path / "short.safetensors", 3).weight)


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate(step, 1000, 1.0) for step in range(1000)]
    assert rates[0] < 0.05 and rates[49] == 1.0
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[-1] < 0.06


def test_the_average_moves_part_of_the_way() -> None:
    kept, new = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(kept.weight, 0.0)
    nn.init.constant_(new.weight, 1.0)
    average(kept, new, 0.75)
    assert kept.weight.item() == 0.25
