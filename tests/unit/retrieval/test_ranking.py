import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from retrieval.domain import KeptPassage, Passage, Ranked
from retrieval.index import exact
from retrieval.ranking import rank, rank_kept


def test_ties_go_by_name_and_are_cut_by_it() -> None:
    candidates = (np.array([3, 1, 2, 9]), np.array([0.5, 0.5, 0.75, 1.0]))
    names = {1: "b#0", 2: "c#0", 3: "a#0"}  # 9 was deleted since
    assert list(rank(candidates, names, 2).items()) == [("c#0", Ranked(1, 0.75)), ("a#0", Ranked(2, 0.5))]
    assert list(rank(candidates, names, 9)) == ["c#0", "a#0", "b#0"]
    assert rank((np.empty(0, dtype=np.int64), np.empty(0)), {}, 5) == {}


@given(
    st.dictionaries(st.integers(0, 20), st.sampled_from((0.0, 0.25, 0.5, 0.75)), max_size=9),
    st.permutations(range(21)),
    st.sets(st.integers(0, 20)),
    st.integers(1, 10),
)
def test_kept_passages_are_ordered_as_all_rankings_are(
    found: dict[int, float], order: list[int], gone: set[int], most: int
) -> None:
    names = {number: f"{place}#0" for number, place in enumerate(order) if number not in gone}
    passages = {
        number: KeptPassage(Passage(name, name, 0, "", "", "", 0, 0, {}, ""), name.encode(), b"")
        for number, name in names.items()
    }
    numbers = np.array(list(found), dtype=np.int64)
    candidates = exact.best(numbers, np.array([found[number] for number in numbers]), 10)
    ranking = rank_kept(candidates, passages, most)
    ranked = {kept.passage.id: Ranked(place, score) for place, (score, kept) in enumerate(ranking, 1)}
    assert list(ranked.items()) == list(rank(candidates, names, most).items())
    assert all(kept.encoded == kept.passage.id.encode() for _, kept in ranking)
