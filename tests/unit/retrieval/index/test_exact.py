import numpy as np
import pytest
from numpy.typing import NDArray
from retrieval.domain import Ids, Metric
from retrieval.index import exact


def test_scores_come_in_blocks_and_places_that_are_none_score_least(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    queries, stored = (rng.standard_normal((n, 3)).astype(np.float32) for n in (4, 9))
    places = rng.integers(-1, 9, (4, 5))
    read: list[int] = []

    def rows(some: Ids) -> NDArray[np.float32]:
        read.append(len(some))
        return stored[some]

    whole = exact.score(Metric.INNER_PRODUCT, queries, places, rows)
    monkeypatch.setattr(exact, "_BLOCK", 7)
    assert np.array_equal(exact.score(Metric.INNER_PRODUCT, queries, places, rows), whole)
    assert max(read[1:]) <= 2
    truth = queries.astype(np.float64) @ stored.astype(np.float64).T
    expected = np.where(places < 0, -np.inf, np.take_along_axis(truth, places.clip(0), axis=1))
    assert whole == pytest.approx(expected, abs=1e-12)


def test_ties_are_followed_to_their_end_but_not_forever() -> None:
    asked: list[int] = []

    def candidates(wanted: int) -> tuple[NDArray[np.float32], Ids]:
        asked.append(wanted)
        distances = np.where(np.arange(wanted) < tied, 1.0, 2.0).astype(np.float32)
        return distances[None, :], np.arange(wanted)[None, :]

    tied = 3
    assert exact.with_ties(candidates, 2, 10_000).shape == (1, 10)
    tied = 100
    assert exact.with_ties(candidates, 2, 10_000).shape[1] > 100
    tied = 10_000
    assert exact.with_ties(candidates, 2, 10_000).shape == (1, 2 + 4096)
    assert exact.with_ties(candidates, 2, 50).shape == (1, 50)


def test_the_best_are_those_that_tie_with_the_kth_too() -> None:
    ids, scores = np.array([5, 3, 9, 1]), np.array([2.0, 2.0, 1.0, 3.0])
    found, best = exact.best(ids, scores, 2)
    assert (found.tolist(), best.tolist()) == ([1, 3, 5], [3.0, 2.0, 2.0])
    assert exact.best(ids, scores, 9)[0].tolist() == [1, 3, 5, 9]
    assert exact.best(ids[:0], scores[:0], 2)[0].tolist() == []


@pytest.mark.parametrize("metric", Metric)
def test_a_score_is_the_same_to_the_bit_in_any_company(metric: Metric) -> None:
    rng = np.random.default_rng(2)
    queries, stored = (rng.standard_normal((n, 384)).astype(np.float32) for n in (50, 300))
    places = rng.integers(0, 300, (50, 18))
    whole = exact.score(metric, queries, places, stored.__getitem__)
    lacking = np.concatenate([places, np.full((50, 1), -1)], axis=1)
    assert np.array_equal(exact.score(metric, queries, lacking, stored.__getitem__)[:, :-1], whole)
    for place in range(50):
        alone = exact.score(metric, queries[place, None], places[place, None], stored.__getitem__)
        assert np.array_equal(alone[0], whole[place])


def test_the_best_of_each_are_the_best_of_all_rows() -> None:
    rng = np.random.default_rng(3)
    ids = np.array([rng.permutation(12) for _ in range(40)])
    scores = rng.integers(0, 4, (40, 12)).astype(np.float64)  # most tie
    for k in (1, 5, 12, 20):
        found = exact.best_of_each(ids, scores, k)
        for row, (best_ids, best_scores) in enumerate(found):
            expected = exact.best(ids[row], scores[row], k)
            assert (best_ids.tolist(), best_scores.tolist()) == tuple(part.tolist() for part in expected)
    scores[:, ::3] = -np.inf  # none is there
    for k in (1, 8, 9):
        found = exact.best_of_each(ids, scores, k)
        for row, (best_ids, best_scores) in enumerate(found):
            there = scores[row] > -np.inf
            for expected in (
                exact.best(ids[row][there], scores[row][there], k),
                exact.best(ids[row], scores[row], k),
            ):
                assert (best_ids.tolist(), best_scores.tolist()) == tuple(part.tolist() for part in expected)
    assert [row.tolist() for row, _ in exact.best_of_each(ids[:2, :0], scores[:2, :0], 3)] == [[], []]
