"""Answers are written by hand, so protobuf reads them back: what it finds is what was to be said."""

import string

import numpy as np
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from quadrille.retrieval.v1 import search_pb2
from retrieval.convert.answers import answer_to_bytes, batch_to_bytes, passage_to_bytes
from retrieval.domain import (
    Answer,
    AnyAnswer,
    DenseAnswer,
    Hit,
    KeptPassage,
    Metadata,
    Passage,
    Plan,
    Ranked,
    Reference,
    SearchMode,
)

texts = st.text(st.characters(codec="utf-8"), max_size=300)
numbers = st.floats(allow_nan=False)
spans = st.integers(0, 2**31 - 1)
ranks = st.builds(Ranked, st.integers(1, 2**31 - 1), numbers)
metadata = st.dictionaries(
    st.text(string.ascii_letters), st.none() | st.booleans() | numbers | texts, max_size=3
)
passages = st.builds(Passage, texts, texts, spans, texts, texts, texts, spans, spans, metadata, texts)
references = st.builds(Reference, texts, texts, spans)
vectors = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=200).map(np.float32)
some_ranks = st.none() | ranks
hits = st.builds(Hit, passages | references, numbers, some_ranks, some_ranks, st.none() | vectors)
plans = st.builds(
    Plan, st.sampled_from(SearchMode), texts, texts, st.none() | st.integers(0, 2**40), spans, spans
)
answers = st.builds(
    Answer, st.lists(hits, max_size=4).map(tuple), st.integers(0, 2**63 - 1), plans, st.floats(0, 1e6)
)
MODES = {mode: search_pb2.SearchMode.Value(f"SEARCH_MODE_{mode.name}") for mode in SearchMode}


def struct(content: Metadata) -> Struct:
    made = Struct()
    made.update(content)
    return made


def written(hit: Hit) -> search_pb2.Hit:
    passage = hit.passage
    said = search_pb2.Hit(
        chunk_id=passage.id,
        document_id=passage.document_id,
        ordinal=passage.ordinal,
        score=hit.score,
        dense_score=hit.dense and hit.dense.score,
        lexical_score=hit.lexical and hit.lexical.score,
        dense_rank=hit.dense and hit.dense.rank,
        lexical_rank=hit.lexical and hit.lexical.rank,
        vector=() if hit.vector is None else hit.vector.tolist(),
    )
    if isinstance(passage, Passage):
        said.MergeFrom(described(passage))
    return said


def described(passage: Passage) -> search_pb2.Hit:
    return search_pb2.Hit(
        text=passage.text,
        title=passage.title,
        source_uri=passage.source_uri,
        start_byte=passage.start_byte,
        end_byte=passage.end_byte,
        metadata=struct(passage.metadata),
        content_sha256=passage.content_sha256,
    )


def response(answer: AnyAnswer, *, explain: bool) -> search_pb2.SearchResponse:
    plan = answer.plan
    said = search_pb2.SearchPlan(
        mode=MODES[plan.mode],
        dense=plan.dense,
        lexical=plan.lexical,
        filtered_chunk_count=plan.filtered_chunk_count,
        dense_candidate_count=plan.dense_candidate_count,
        lexical_candidate_count=plan.lexical_candidate_count,
    )
    return search_pb2.SearchResponse(
        hits=map(written, answer.hits),
        lsn=answer.lsn,
        plan=said if explain else None,
        search_ms=answer.seconds * 1000,
    )


@given(answers, st.booleans())
def test_an_answer_is_read_as_it_was_found(answer: Answer, explain: bool) -> None:
    read = search_pb2.SearchResponse.FromString(answer_to_bytes(answer, explain=explain))
    assert read == response(answer, explain=explain)


@given(st.lists(answers, max_size=3), st.booleans())
def test_a_batch_is_read_in_its_order(found: list[Answer], explain: bool) -> None:
    read = search_pb2.BatchSearchResponse.FromString(batch_to_bytes(found, explain=explain))
    assert list(read.responses) == [response(answer, explain=explain) for answer in found]


@given(st.lists(st.tuples(numbers, passages), max_size=4), st.integers(0, 300), st.booleans(), st.booleans())
def test_a_ranking_of_kept_passages_is_read_as_hits(
    found: list[tuple[float, Passage]], more: int, explain: bool, whole: bool
) -> None:
    short = (
        0.5,
        Passage("other#0", "other", 0, "", "", "", 0, 0, {}, ""),
    )  # ranks take more bytes from 128 on
    ranking = [
        (score, KeptPassage(passage, passage_to_bytes(passage), passage_to_bytes(passage.reference())))
        for score, passage in [*found, *[short] * more]
    ]
    answer = DenseAnswer(ranking, 1, Plan(SearchMode.DENSE), 0.25, whole)
    assert all(type(hit.passage) is (Passage if whole else Reference) for hit in answer.hits)
    assert [(hit.score, hit.dense and hit.dense.rank) for hit in answer.hits] == [
        (score, place) for place, (score, _) in enumerate(ranking, 1)
    ]
    read = search_pb2.SearchResponse.FromString(answer_to_bytes(answer, explain=explain))
    assert read == response(answer, explain=explain)
    both = search_pb2.BatchSearchResponse.FromString(batch_to_bytes([answer] * 2, explain=explain))
    assert list(both.responses) == [read] * 2


def test_a_passage_that_is_at_hand_as_it_is_sent_is_not_written_again() -> None:
    kept, other = (Passage(name, name, 0, "", "", "", 0, 0, {}, "") for name in ("kept", "other"))
    answer = DenseAnswer(
        [(0.5, KeptPassage(other, passage_to_bytes(kept), b""))], 1, Plan(SearchMode.DENSE), 0.0
    )
    (read,) = search_pb2.SearchResponse.FromString(answer_to_bytes(answer, explain=False)).hits
    assert read == written(Hit(kept, 0.5, Ranked(1, 0.5), None))
