import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from retrieval import mmr

COUNTS = st.integers(1, 9)
SMALL = st.integers(-2, 2)


@st.composite
def candidates(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count = draw(COUNTS)
    relevance = draw(arrays(np.float64, count, elements=st.floats(-1, 1)))
    return relevance, mmr.unit_rows(draw(arrays(np.float32, (count, 3), elements=SMALL)))


@given(candidates(), st.integers(1, 12), st.floats(0, 1))
def test_each_choice_is_the_papers_argmax(
    given_candidates: tuple[np.ndarray, np.ndarray], k: int, weight: float
) -> None:
    relevance, units = given_candidates
    chosen = mmr.select(relevance, units, k, weight)
    assert len(chosen) == len(set(chosen)) == min(k, len(relevance))
    assert relevance[chosen[0]] == relevance.max()

    def marginal(place: int, before: list[int]) -> float:
        return float(weight * relevance[place] - (1 - weight) * max(units[place] @ units[i] for i in before))

    for step in range(1, len(chosen)):
        before = chosen[:step]
        best = max(marginal(i, before) for i in range(len(relevance)) if i not in before)
        assert marginal(chosen[step], before) == pytest.approx(best, abs=1e-9)


@given(candidates(), st.integers(1, 12))
def test_relevance_alone_keeps_the_ranking(given_candidates: tuple[np.ndarray, np.ndarray], k: int) -> None:
    relevance, units = given_candidates
    ranking = np.argsort(-relevance, kind="stable")
    assert mmr.select(relevance, units, k, 1.0) == ranking[:k].tolist()


def test_a_twin_waits_for_what_is_new() -> None:
    units = mmr.unit_rows(np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32))
    assert mmr.select(np.array([1.0, 0.99, 0.5]), units, 3, 0.5) == [0, 2, 1]


def test_rows_without_a_vector_stay_zero_and_resemble_nothing() -> None:
    units = mmr.unit_rows(np.array([[3, 4], [0, 0], [6, 8]], dtype=np.float32))
    assert units.tolist() == [[0.6, 0.8], [0.0, 0.0], [0.6, 0.8]]
    assert mmr.select(np.array([1.0, 0.1, 0.9]), units, 2, 0.5) == [0, 1]
