"""Muon of stacks of matrices."""

import pytest
import torch

from starter.muon import StackedMuon, orthogonalized


@pytest.mark.parametrize("shape", [(3, 24, 16), (2, 16, 24)])
def test_muon_of_a_stack_is_muon_of_its_matrices(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    stack = torch.nn.Parameter(torch.randn(*shape))
    matrices = [torch.nn.Parameter(matrix.clone()) for matrix in stack.detach()]
    ours = StackedMuon([stack], lr=0.02, weight_decay=0.05)
    theirs = torch.optim.Muon(matrices, lr=0.02, weight_decay=0.05)
    for _ in range(3):
        stack.grad = torch.randn(*shape)
        for matrix, gradient in zip(matrices, stack.grad, strict=True):
            matrix.grad = gradient.clone()
        ours.step()
        theirs.step()
    torch.testing.assert_close(stack, torch.stack(matrices), atol=3e-3, rtol=0)
    values = torch.linalg.svdvals(orthogonalized(torch.randn(*shape)).float())
    assert values.min() > 0.3 and values.max() < 1.5
