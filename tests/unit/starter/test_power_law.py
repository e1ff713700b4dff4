"""Fits find the constants that made the points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starter.text.power_law import Law, fit, fit_line, frontier, r_squared, resamples

SIZES = np.array([3e5, 7e5, 1.5e6, 6e6, 1e7])
TOKENS = np.geomspace(3e5, 2e6, 6)
N, D = (grid.ravel() for grid in np.meshgrid(SIZES, TOKENS, indexing="ij"))
RUNS = [run for run in range(len(SIZES)) for _ in TOKENS]


@settings(max_examples=5, deadline=None)
@given(
    st.floats(0.3, 2.0), st.floats(0.2, 0.8), st.floats(0.2, 0.8), st.floats(0.3, 2.0), st.floats(0.3, 2.0)
)
def test_a_law_is_found_from_its_own_points(
    irreducible: float, alpha: float, beta: float, size_part: float, data_part: float
) -> None:
    law = Law(irreducible, size_part * 1e6**alpha, alpha, data_part * 1e6**beta, beta)
    found = fit(N, D, law.loss(N, D))
    assert found.alpha == pytest.approx(alpha, abs=0.01)
    assert found.beta == pytest.approx(beta, abs=0.01)
    assert found.irreducible == pytest.approx(irreducible, abs=0.02)
    np.testing.assert_allclose(found.loss(N, D), law.loss(N, D), rtol=1e-4)


def test_noise_moves_it_little_and_an_outlier_less_than_least_squares() -> None:
    law = Law(0.8, 300, 0.4, 5000, 0.6)
    loss = law.loss(N, D) * np.exp(np.random.default_rng(0).normal(0, 0.002, len(N)))
    loss[7] *= 1.2
    found = fit(N, D, loss)
    others = np.arange(len(N)) != 7
    np.testing.assert_allclose(found.loss(N, D)[others], law.loss(N, D)[others], rtol=0.01)
    assert r_squared(loss[others], found.loss(N, D)[others]) > 0.999


@given(st.floats(0.01, 0.9), st.floats(1.0, 1e4))
def test_a_line_is_found(exponent: float, scale: float) -> None:
    compute = np.geomspace(1e12, 1e14, 7)
    found = fit_line(compute, scale / compute**exponent)
    assert found.exponent == pytest.approx(exponent, rel=1e-6)
    assert found.scale == pytest.approx(scale, rel=1e-5)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=40))
def test_nothing_as_cheap_is_better_than_the_frontier(points: list[tuple[int, int]]) -> None:
    compute, loss = (np.array(column, float) for column in zip(*points, strict=True))
    kept = frontier(compute, loss)
    assert (np.diff(compute[kept]) > 0).all() and (np.diff(loss[kept]) < 0).all()
    for c, value in zip(compute, loss, strict=True):
        assert loss[kept][compute[kept] <= c].min() <= value


def test_resamples_draw_whole_runs() -> None:
    for sample in resamples(RUNS, 20):
        assert len(sample) == len(RUNS)
        assert len({RUNS[index] for index in sample}) >= 3
