from hypothesis import given
from hypothesis import strategies as st
from retrieval.domain import Mmr, Query, Reference, SearchMode
from retrieval.selecting import document_of, first_depth, grouped, lacks_documents, reference_of

CHUNKS = st.lists(
    st.tuples(st.sampled_from(["a", "b#", "b#1", "c"]), st.integers(0, 4)).map(lambda p: f"{p[0]}#{p[1]}"),
    unique=True,
    max_size=20,
)


@given(CHUNKS, st.integers(1, 5), st.integers(1, 4))
def test_groups_hold_the_best_of_the_best_documents(ordered: list[str], documents: int, size: int) -> None:
    found = grouped(ordered, documents, size)
    names = list(dict.fromkeys(map(document_of, ordered)))[:documents]
    assert found == [
        chunk for name in names for chunk in [c for c in ordered if document_of(c) == name][:size]
    ]


def test_candidates_are_more_than_the_hits_where_they_are_chosen_among() -> None:
    assert first_depth(Query(top_k=3), SearchMode.DENSE) == 3
    assert first_depth(Query(top_k=3), SearchMode.HYBRID) == 100
    assert first_depth(Query(top_k=50), SearchMode.HYBRID) == 200
    assert first_depth(Query(top_k=30, group_size=2), SearchMode.LEXICAL) == 240
    assert first_depth(Query(top_k=3, mmr=Mmr(0.5, 77)), SearchMode.DENSE) == 77


def test_more_candidates_are_asked_for_only_when_they_can_help() -> None:
    scores, chosen = {"a#0": 2.0, "a#1": 1.0}, ["a#0"]
    assert not lacks_documents(Query(top_k=1, group_size=1), SearchMode.DENSE, scores, chosen)
    assert not lacks_documents(Query(top_k=2), SearchMode.DENSE, scores, chosen)
    assert lacks_documents(Query(top_k=2, group_size=1), SearchMode.DENSE, scores, chosen)
    low = Query(top_k=2, group_size=1, min_score=1.5)
    assert not lacks_documents(low, SearchMode.DENSE, scores, chosen)
    assert lacks_documents(low, SearchMode.HYBRID, scores, chosen)


def test_a_chunk_s_id_tells_where_it_is() -> None:
    assert reference_of("a#b#12") == Reference("a#b#12", "a#b", 12)
