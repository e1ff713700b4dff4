import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imagegen.domain import InterpolationMethod
from imagegen.noise import clone_generator, draw, generators_of, path, slerp


def test_a_row_is_its_seeds_alone() -> None:
    together = draw(generators_of([5, 6, 7]), (4, 8, 8))
    assert torch.equal(together[1], draw(generators_of([6]), (4, 8, 8))[0])
    assert not torch.equal(together[0], together[1])


def test_largest_seed() -> None:
    assert draw(generators_of([2**63 - 1]), (2,)).shape == (1, 2)


def test_clone_goes_on_by_itself() -> None:
    (original,) = generators_of([3])
    draw([original], (4,))
    copy = clone_generator(original)
    assert torch.equal(draw([copy], (4,)), draw([original], (4,)))


@pytest.mark.parametrize("method", list(InterpolationMethod))
@pytest.mark.parametrize("frames", [2, 3, 9])
def test_path_ends_exactly_at_its_ends(method: InterpolationMethod, frames: int) -> None:
    start, end = draw(generators_of([1, 2]), (4, 8, 8))
    points = path(start, end, frames, method)
    assert len(points) == frames
    assert torch.equal(points[0], start)
    assert torch.equal(points[-1], end)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1))
def test_slerp_keeps_the_norm_that_a_line_loses(seed_a: int, seed_b: int, weight: float) -> None:
    start, end = draw(generators_of([seed_a, seed_b]), (4, 16, 16))
    start, end = start / start.norm(), end / end.norm()
    assert slerp(start, end, torch.tensor(weight)).norm().item() == pytest.approx(1.0, abs=1e-3)


def test_middle_of_a_line_and_of_an_arc() -> None:
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    line = path(start, end, 3, InterpolationMethod.LINEAR)[1]
    arc = path(start, end, 3, InterpolationMethod.SLERP)[1]
    assert line.tolist() == pytest.approx([0.5, 0.5])
    assert arc.tolist() == pytest.approx([0.5**0.5, 0.5**0.5])


def test_collinear_and_zero_points_are_finite() -> None:
    ones = torch.ones(4)
    for start, end in ((ones, ones), (ones, -ones), (ones * 0, ones), (ones * 0, ones * 0)):
        assert torch.isfinite(path(start, end, 5, InterpolationMethod.SLERP)).all()
