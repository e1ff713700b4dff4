from collections.abc import Callable
from typing import Any

import pytest
from quadrille.retrieval.v1 import search_pb2
from retrieval.domain import CollectionSpec
from retrieval.metrics import STAGES
from retrieval.searching import Searcher

DOCUMENTS = [
    {"id": "fox", "text": "t", "title": "Fox", "sourceUri": "file:fox", "metadata": {"kind": "animal", "legs": 4},
     "chunks": [{"text": "the quick brown fox jumps", "startByte": 0, "endByte": 1, "vector": [1, 0]},
                {"text": "over lazy dogs", "vector": [0.9, 0.1]}]},
    {"id": "car", "metadata": {"kind": "thing"}, "chunks": [{"text": "a quick red car", "vector": [0, 1]}]},
    {"id": "word", "metadata": {"kind": "thing"}, "chunks": [{"text": "jumping foxes have no vector"}]},
    *({"id": f"z{i}", "chunks": [{"text": "filler passage about nothing", "vector": [-1, i]}]} for i in range(6)),
]  # fmt: skip
ANIMALS = {"condition": {"field": "kind", "equals": "animal"}}


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make(embeddingModel="m1")
    await client.put(*DOCUMENTS)


def ids(response: search_pb2.SearchResponse) -> list[str]:
    return [hit.chunk_id for hit in response.hits]


async def test_dense(client: Any) -> None:
    response = await client.search({"vector": [2, 0], "topK": 3}, explain=True)
    assert ids(response) == ["fox#0", "fox#1", "car#0"]
    hit = response.hits[0]
    assert (hit.document_id, hit.ordinal, hit.title, hit.source_uri) == ("fox", 0, "Fox", "file:fox")
    assert (hit.text, hit.start_byte, hit.end_byte) == ("the quick brown fox jumps", 0, 1)
    assert hit.metadata["kind"] == "animal"
    assert len(hit.content_sha256) == 64
    assert (hit.score, hit.dense_score, hit.dense_rank) == (1.0, 1.0, 1)
    assert not hit.HasField("lexical_score")
    assert not hit.HasField("lexical_rank")
    plan = response.plan
    assert (plan.mode, plan.dense, plan.lexical) == (search_pb2.SEARCH_MODE_DENSE, "flat", "")
    assert (plan.dense_candidate_count, plan.HasField("filtered_chunk_count")) == (3, False)
    assert response.lsn == 2
    assert response.search_ms > 0
    (bare,) = (await client.search({"vector": [-1, 0], "topK": 1})).hits
    assert bare.HasField("metadata")
    assert not bare.metadata.fields


async def test_lexical_stems_and_ranks_by_bm25(client: Any) -> None:
    response = await client.search({"text": "fox jump!"}, explain=True)
    assert sorted(ids(response)) == ["fox#0", "word#0"]
    scores = [hit.score for hit in response.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert response.plan.lexical == '"fox" OR "jump"'
    assert [hit.lexical_rank for hit in response.hits] == [1, 2]
    assert not response.hits[0].HasField("dense_score")


async def test_operators_are_words(client: Any) -> None:
    for text in (
        '"quick',
        "NOT quick",
        "quick*",
        "text:quick",
        "(quick",
        "quick NEAR/2 fox",
        "'; DROP TABLE x",
    ):
        response = await client.search({"text": text, "mode": "SEARCH_MODE_LEXICAL"})
        assert ("car#0" in ids(response)) == ("quick" in text)
    assert ids(await client.search({"text": "!?"})) == []


async def test_hybrid_fuses_by_rank(client: Any) -> None:
    response = await client.search({"vector": [0, 1], "text": "quick"}, explain=True)
    assert response.plan.mode == search_pb2.SEARCH_MODE_HYBRID
    both = response.hits[0]
    assert both.chunk_id == "car#0"
    assert both.score == pytest.approx(1 / (60 + both.dense_rank) + 1 / (60 + both.lexical_rank))
    sharp = await client.search({"vector": [0, 1], "text": "quick", "fusion": {"rrf": {"k": 1}}})
    assert sharp.hits[0].score == pytest.approx(1 / 2 + 1 / 2)


async def test_weights_decide(client: Any) -> None:
    def fusion(dense: float, lexical: float) -> dict[str, Any]:
        weights = {"denseWeight": dense, "lexicalWeight": lexical}
        return {"vector": [-1, 0], "text": "quick red", "fusion": {"weighted": weights}}

    assert ids(await client.search(fusion(1, 0)))[0] == "z0#0"
    assert ids(await client.search(fusion(0, 1)))[0] == "car#0"
    assert (await client.search(fusion(0, 2))).hits[0].score == 2.0


async def test_distributions_decide(client: Any) -> None:
    query = {"vector": [0, 1], "text": "quick", "fusion": {"dbsf": {}}}
    scores = [hit.score for hit in (await client.search(query)).hits]
    assert scores == sorted(scores, reverse=True)
    assert 1 < scores[0] < 2


async def test_hits_below_the_threshold_are_left_out(client: Any) -> None:
    assert ids(await client.search({"vector": [1, 0], "minScore": 0.99})) == ["fox#0", "fox#1"]
    assert ids(await client.search({"vector": [1, 0], "minScore": 1.5})) == []
    hybrid = {"vector": [0, 1], "text": "quick", "minScore": 1 / 61 + 1 / 62}
    assert ids(await client.search(hybrid)) == ["car#0"]


async def test_prefixes(client: Any) -> None:
    for prefix, expected in (("an", {"fox"}), ("thing", {"car"}), ("An", set()), ("animals", set())):
        where = {"condition": {"field": "kind", "prefix": prefix}}
        response = await client.search({"vector": [0, 1], "filter": where})
        assert {hit.document_id for hit in response.hits} == expected


async def test_mmr_reads_the_stored_vectors(client: Any) -> None:
    query = {"vector": [1, 0.05], "topK": 3}
    assert ids(await client.search(query)) == ["fox#0", "fox#1", "car#0"]
    varied = await client.search({**query, "mmr": {"relevanceWeight": 0.4}}, explain=True)
    assert ids(varied)[0] == "fox#0"
    assert "fox#1" not in ids(varied)
    assert varied.hits[0].score > 0.9
    assert ids(await client.search({**query, "mmr": {"relevanceWeight": 1}})) == ["fox#0", "fox#1", "car#0"]
    few = await client.search({**query, "mmr": {"relevanceWeight": 0, "candidateCount": 3}}, explain=True)
    assert sorted(ids(few)) == ["car#0", "fox#0", "fox#1"]
    assert few.plan.dense_candidate_count == 3
    both = {**query, "text": "fox"}  # whose rankings are longer than that
    fused = await client.search({**both, "mmr": {"relevanceWeight": 0, "candidateCount": 3}})
    assert sorted(ids(fused)) == sorted(ids(await client.search(both)))


async def test_mmr_of_words_takes_chunks_without_vectors_for_new(client: Any) -> None:
    await client.put({"id": "twin", "chunks": [{"text": "fox fox fox", "vector": [1, 0]}]})
    query = {"text": "fox", "topK": 2, "mmr": {"relevanceWeight": 0.2}}
    assert ids(await client.search(query)) == ["twin#0", "word#0"]


async def test_groups_take_the_documents_that_a_long_one_would_hide(client: Any) -> None:
    near = [{"text": f"part {i}", "vector": [1, i / 10000]} for i in range(450)]
    await client.put(
        {"id": "long", "chunks": near}, {"id": "next", "chunks": [{"text": "x", "vector": [1, 1]}]}
    )
    query = {"vector": [1, 0], "topK": 4}
    one = await client.search({**query, "groupByDocument": {}})
    assert ids(one) == ["fox#0", "long#0", "next#0", "car#0"]
    two = await client.search({**query, "groupByDocument": {"groupSize": 2}})
    assert ids(two) == ["fox#0", "fox#1", "long#0", "long#1", "next#0", "car#0"]
    high = await client.search({**query, "groupByDocument": {}, "minScore": 0.5})
    assert ids(high) == ["fox#0", "long#0", "next#0"]
    words = {"text": "part quick", "topK": 3, "groupByDocument": {}}
    assert sorted(hit.document_id for hit in (await client.search(words)).hits) == ["car", "fox", "long"]
    both = {**query, "text": "part quick", "topK": 5, "groupByDocument": {}}
    assert len({hit.document_id for hit in (await client.search(both)).hits}) == 5


async def test_filters_restrict_both_rankings(client: Any) -> None:
    for query in ({"vector": [0, 1]}, {"text": "quick car dogs"}, {"vector": [0, 1], "text": "quick car"}):
        response = await client.search({**query, "filter": ANIMALS}, explain=True)
        assert {hit.document_id for hit in response.hits} == {"fox"}
        assert response.plan.filtered_chunk_count == 2
        if "vector" in query:
            assert response.plan.dense == "flat, 2 of 10 by filter"
            assert len(response.hits) == 2
    nothing = {"condition": {"field": "kind", "equals": "missing"}}
    assert ids(await client.search({"vector": [0, 1], "text": "quick", "filter": nothing})) == []


async def test_ties_are_broken_by_chunk_id(client: Any) -> None:
    same = [{"text": "identical words", "vector": [0.6, 0.8]}]
    names = [f"t{i}" for i in (3, 11, 2, 30, 1)]
    await client.put(*({"id": name, "chunks": same} for name in names))
    expected = sorted(f"{name}#0" for name in names)
    for top_k in (1, 3, 5):
        for query in (
            {"vector": [0.6, 0.8]},
            {"text": "identical"},
            {"vector": [0.6, 0.8], "text": "identical"},
        ):
            assert ids(await client.search({**query, "topK": top_k})) == expected[:top_k]


async def test_a_search_after_an_acknowledgement_sees_the_write(client: Any) -> None:
    for i in range(20):
        written = await client.put({"id": "new", "chunks": [{"text": f"version{i}", "vector": [1, i]}]})
        query = {"vector": [1, i], "text": f"version{i}", "topK": 1}
        response = await client.search(query, minLsn=str(written.lsn))
        assert response.hits[0].text == f"version{i}"
        assert response.lsn == written.lsn
        assert ids(await client.search({"text": f"version{i - 1}"})) == []
    await client.call("documents.DeleteDocuments", {"collection": "books", "ids": ["new"]})
    assert "new#0" not in ids(await client.search({"vector": [1, 19], "text": "version19", "topK": 100}))


async def test_an_lsn_never_given_out(client: Any) -> None:
    request = {"collection": "books", "query": {"text": "fox"}}
    refusal = await client.refusal("searches.Search", request | {"minLsn": "3"})
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LSN_UNKNOWN")
    assert (await client.refusal("searches.Search", request | {"minLsn": "-1"})).field == "min_lsn"


async def test_vectors_of_another_model_are_refused(client: Any) -> None:
    request = {"collection": "books", "query": {"vector": [1, 0]}}
    await client.call("searches.Search", request | {"embeddingModel": "m1"})
    refusal = await client.refusal("searches.Search", request | {"embeddingModel": "m2"})
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "EMBEDDING_MODEL_MISMATCH")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (None, "query"),
        ({}, "query"),
        ({"mode": 77, "text": "x"}, "query.mode"),
        ({"effort": 77, "text": "x"}, "query.effort"),
        ({"mode": "SEARCH_MODE_DENSE", "text": "x"}, "query.vector"),
        ({"mode": "SEARCH_MODE_HYBRID", "text": "x"}, "query.vector"),
        ({"mode": "SEARCH_MODE_HYBRID", "vector": [1, 0]}, "query.text"),
        ({"mode": "SEARCH_MODE_LEXICAL", "vector": [1, 0]}, "query.text"),
        ({"vector": [1, 2, 3]}, "query.vector"),
        ({"vector": [0, 0]}, "query.vector"),
        ({"vector": ["NaN", 1]}, "query.vector"),
        ({"vector": ["Infinity", 1]}, "query.vector"),
        ({"vector": [1] * 8193}, "query.vector"),
        ({"text": "x" * 4097}, "query.text"),
        ({"text": "x", "topK": 0}, "query.top_k"),
        ({"text": "x", "topK": 1_000_000_000}, "query.top_k"),
        ({"text": "x", "filter": {}}, "query.filter.kind"),
        ({"text": "x", "fusion": {}}, "query.fusion.method"),
        ({"text": "x", "minScore": "NaN"}, "query.min_score"),
        ({"text": "x", "mmr": {"relevanceWeight": 1.1}}, "query.mmr.relevance_weight"),
        ({"text": "x", "mmr": {"relevanceWeight": "NaN"}}, "query.mmr.relevance_weight"),
        ({"text": "x", "mmr": {"candidateCount": 9}}, "query.mmr.candidate_count"),
        ({"text": "x", "mmr": {"candidateCount": 1001}}, "query.mmr.candidate_count"),
        ({"text": "x", "groupByDocument": {"groupSize": 0}}, "query.group_by_document.group_size"),
        ({"text": "x", "groupByDocument": {"groupSize": 101}}, "query.group_by_document.group_size"),
        (
            {"text": "x", "topK": 501, "groupByDocument": {"groupSize": 2}},
            "query.group_by_document.group_size",
        ),
        ({"text": "x", "mmr": {}, "groupByDocument": {}}, "query.group_by_document"),
        (
            {"text": "x", "filter": {"condition": {"field": "a", "prefix": ""}}},
            "query.filter.condition.prefix",
        ),
        ({"text": "x", "fusion": {"rrf": {"k": 0}}}, "query.fusion.rrf.k"),
        ({"text": "x", "fusion": {"rrf": {"k": 1001}}}, "query.fusion.rrf.k"),
        ({"text": "x", "fusion": {"weighted": {}}}, "query.fusion.weighted.dense_weight"),
        (
            {"text": "x", "fusion": {"weighted": {"denseWeight": 1, "lexicalWeight": -1}}},
            "query.fusion.weighted.lexical_weight",
        ),
        (
            {"text": "x", "fusion": {"weighted": {"denseWeight": "NaN"}}},
            "query.fusion.weighted.dense_weight",
        ),
    ],
)
async def test_bad_queries(client: Any, query: dict[str, Any] | None, field: str) -> None:
    request = {"collection": "books"} | ({} if query is None else {"query": query})
    refusal = await client.refusal("searches.Search", request)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_a_batch_answers_as_single_searches_do(client: Any) -> None:
    queries = [{"vector": [1, 0]}, {"text": "quick"}, {"vector": [0, 1], "text": "fox", "filter": ANIMALS}]
    batch = await client.call(
        "searches.BatchSearch", {"collection": "books", "queries": queries, "explain": True}
    )
    assert len(batch.responses) == 3
    for query, response in zip(queries, batch.responses, strict=True):
        single = await client.search(query, explain=True)
        assert (single.hits, single.plan) == (response.hits, response.plan)


async def test_bad_batches(client: Any) -> None:
    for queries, field in (
        ([], "queries"),
        ([{"text": "x"}] * 257, "queries"),
        ([{"text": "x"}, {"vector": [1]}], "queries[1].vector"),
        ([{"text": "x"}, {"text": "x", "topK": 2000}], "queries[1].top_k"),
    ):
        refusal = await client.refusal("searches.BatchSearch", {"collection": "books", "queries": queries})
        assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)


async def test_searches_are_timed_by_mode(client: Any) -> None:
    await client.search({"text": "fox"})
    count = client.registry.get_sample_value("quadrille_retrieval_search_seconds_count", {"mode": "lexical"})
    assert count == 1


async def test_the_parts_of_a_search_are_timed_and_candidates_counted(client: Any) -> None:
    def value(name: str, **labels: str) -> float:
        return float(client.registry.get_sample_value(f"quadrille_retrieval_{name}", labels))

    def counts() -> list[float]:
        return [value("search_stage_seconds_count", stage=stage) for stage in STAGES]

    await client.search({"text": "fox"})
    assert counts() == [1, 0, 1, 1]
    await client.search({"vector": [1, 0], "text": "fox"})
    assert counts() == [2, 1, 2, 2]
    await client.search({"vector": [1, 0]})
    assert counts() == [3, 2, 2, 3]
    response = await client.search({"vector": [1, 0]})
    assert counts()[1:] == [3, 2, 3]  # passages came from memory
    assert value("candidates_count", ranking="lexical") == 2
    assert value("candidates_count", ranking="dense") == 3
    assert value("candidates_sum", ranking="dense") == 3 * len(response.hits)


def after_the_first_search(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    search, searches = Searcher.search, 0

    def changing(*arguments: Any) -> Any:
        nonlocal searches
        found = search(*arguments)
        if (searches := searches + 1) == 1:
            change()
        return found

    monkeypatch.setattr(Searcher, "search", changing)


async def test_a_batch_stays_with_the_collection_that_its_alias_named(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.make("other")
    await client.call("collections.SwapAlias", {"alias": "live", "collection": "books"})
    after_the_first_search(
        monkeypatch, lambda: client.engine.store.swap_alias("default", "live", "other").result()
    )
    batch = {"collection": "live", "queries": [{"text": "fox"}, {"text": "fox"}, {"vector": [1, 0]}]}
    first, second, dense = (await client.call("searches.BatchSearch", batch)).responses
    assert len(first.hits) == 2
    assert second.hits == first.hits
    assert dense.hits[0].chunk_id == "fox#0"


async def test_a_batch_never_turns_to_a_new_collection_of_the_name(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace() -> None:
        client.engine.store.delete_collection("default", "books").result()
        client.engine.store.create_collection("default", CollectionSpec("books", 2)).result()

    after_the_first_search(monkeypatch, replace)
    batch = {"collection": "books", "queries": [{"text": "fox"}, {"vector": [1, 0]}]}
    assert (await client.refusal("searches.BatchSearch", batch)).code == "NOT_FOUND"
