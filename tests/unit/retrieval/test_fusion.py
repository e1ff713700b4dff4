import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrieval import fusion

IDS = st.text("abcdef#", min_size=1, max_size=4)
RANKINGS = st.lists(st.lists(IDS, unique=True, max_size=12), min_size=1, max_size=3)


def test_reciprocal_rank_is_the_papers_sum() -> None:
    scores = fusion.reciprocal_rank([["a", "b"], ["b", "c"]], 60)
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})


@given(RANKINGS, st.integers(1, 1000))
def test_reciprocal_rank_prefers_what_stands_higher_everywhere(rankings: list[list[str]], k: int) -> None:
    scores = fusion.reciprocal_rank(rankings, k)
    assert set(scores) == {chunk for ranking in rankings for chunk in ranking}
    for better in scores:
        for worse in scores:
            places = [(r.index(better), r.index(worse)) for r in rankings if better in r and worse in r]
            if len(places) == len(rankings) and all(high < low for high, low in places):
                assert scores[better] > scores[worse]


def test_weighted_scales_each_ranking_to_one() -> None:
    scores = fusion.weighted([{"a": 3.0, "b": 1.0, "c": 2.0}, {"b": 9.0}], [0.5, 2.0])
    assert scores == {"a": 0.5, "b": 2.0, "c": 0.25}


@given(
    st.lists(st.dictionaries(IDS, st.floats(-1e6, 1e6), max_size=8), min_size=2, max_size=2),
    st.lists(st.floats(0, 100), min_size=2, max_size=2),
)
def test_weighted_stays_between_zero_and_the_weights(
    rankings: list[dict[str, float]], weights: list[float]
) -> None:
    for score in fusion.weighted(rankings, weights).values():
        assert 0 <= score <= sum(weights) * (1 + 1e-12)


def test_distribution_based_scales_by_mean_and_deviation() -> None:
    scores = fusion.distribution_based([{"a": 3.0, "b": 1.0}, {"b": 9.0}, {}])
    assert scores == pytest.approx({"a": 0.5 + 1 / 6, "b": 0.5 - 1 / 6 + 0.5})


def test_distribution_based_holds_outliers_to_one() -> None:
    scores = fusion.distribution_based([{"far": 1e6} | {str(i): 0.0 for i in range(50)}])
    assert scores["far"] == 1.0
    assert scores["0"] == pytest.approx(0.5, abs=0.03)


@given(
    st.dictionaries(IDS, st.integers(-1000, 1000).map(float), min_size=1, max_size=8),
    st.integers(1, 100),
    st.integers(-1000, 1000),
)
def test_distribution_based_ignores_a_rankings_unit(
    ranking: dict[str, float], factor: int, offset: int
) -> None:
    changed = {chunk: score * factor + offset for chunk, score in ranking.items()}
    scores = fusion.distribution_based([ranking])
    assert fusion.distribution_based([changed]) == pytest.approx(scores)
    assert all(0 <= score <= 1 for score in scores.values())
    assert sorted(scores, key=lambda c: scores[c]) == sorted(ranking, key=lambda c: ranking[c])


def test_order_breaks_ties_by_id() -> None:
    assert fusion.order({"b": 1.0, "a": 1.0, "c": 2.0}) == ["c", "a", "b"]
