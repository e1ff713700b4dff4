"""What hits carry: each kind of search says the same of a chunk, as far as it is asked."""

from typing import Any

import grpc
import pytest
from quadrille.retrieval.v1 import search_pb2, search_pb2_grpc
from retrieval.limits import MAX_FOUND_VECTOR_BYTES
from retrieval.store.sqlite.reader import SqliteReader
from serving.channel import DEFAULT_MAX_MESSAGE_BYTES

DOCUMENTS = [
    {"id": "fox", "title": "Fox", "metadata": {"kind": "animal"},
     "chunks": [{"text": "the quick brown fox", "vector": [3, 4]}, {"text": "a quick fox again", "vector": [1, 0]}]},
    {"id": "car", "chunks": [{"text": "a quick red car", "vector": [0, 2]}]},
    {"id": "word", "chunks": [{"text": "quick words without a vector"}]},
]  # fmt: skip
STORED = {"fox#0": [3 / 5, 4 / 5], "fox#1": [1, 0], "car#0": [0, 1], "word#0": []}
ALL = ["HIT_PART_PASSAGE", "HIT_PART_VECTOR"]
PASSAGE = ("text", "title", "source_uri", "start_byte", "end_byte", "metadata", "content_sha256")
DENSE: dict[str, Any] = {"vector": [3, 4]}
LEXICAL: dict[str, Any] = {"text": "quick"}
KINDS: list[dict[str, Any]] = [
    DENSE,
    LEXICAL,
    DENSE | LEXICAL,
    DENSE | {"mmr": {}},
    LEXICAL | {"mmr": {}},
    DENSE | LEXICAL | {"groupByDocument": {}},
    DENSE | {"filter": {"condition": {"field": "kind", "equals": "animal"}}},
]


@pytest.fixture(autouse=True)
async def books(client: Any) -> None:
    await client.make()
    await client.put(*DOCUMENTS)


def bare(hit: search_pb2.Hit, *fields: str) -> search_pb2.Hit:
    """A hit without some fields."""
    copy = search_pb2.Hit()
    copy.CopyFrom(hit)
    for field in fields:
        copy.ClearField(field)  # type: ignore[arg-type]
    return copy


@pytest.mark.parametrize("query", KINDS)
async def test_each_kind_of_search_carries_what_is_asked(client: Any, query: dict[str, Any]) -> None:
    for _ in range(2):  # from the database, then from memory where that is asked
        default = (await client.search(query)).hits
        assert all(hit.text and hit.HasField("metadata") and not hit.vector for hit in default)
        asked = {
            parts: (await client.search(query | {"parts": list(parts)})).hits
            for parts in [("HIT_PART_PASSAGE",), ("HIT_PART_REFERENCE",), tuple(ALL), ("HIT_PART_VECTOR",)]
        }
        passages, references, everything, vectors = asked.values()
        assert list(passages) == list(default)
        assert list(references) == [bare(hit, *PASSAGE) for hit in default]
        assert [bare(hit, "vector") for hit in everything] == list(default)
        assert list(vectors) == [bare(hit, *PASSAGE) for hit in everything]
        assert {hit.chunk_id: list(hit.vector) for hit in vectors} == {
            hit.chunk_id: pytest.approx(STORED[hit.chunk_id]) for hit in default
        }


async def test_a_batch_mixes_what_hits_carry(client: Any) -> None:
    parts = [[], ["HIT_PART_REFERENCE"], ALL, ["HIT_PART_REFERENCE"], ["HIT_PART_VECTOR"]]
    queries = [kind | {"parts": some} for kind in (DENSE, LEXICAL) for some in parts]
    batch = await client.call("searches.BatchSearch", {"collection": "books", "queries": queries})
    for query, response in zip(queries, batch.responses, strict=True):
        assert list(response.hits) == list((await client.search(query)).hits)
    first, reference, everything, *_ = batch.responses
    assert first.hits[0].text
    assert not reference.hits[0].text
    assert everything.hits[0].vector


async def test_only_what_is_asked_is_read(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(SqliteReader, "chunk_vectors", refuse)
    for query in (DENSE, LEXICAL):
        assert (await client.search(query)).hits
    monkeypatch.undo()
    monkeypatch.setattr(SqliteReader, "passages", refuse)
    for parts in (["HIT_PART_REFERENCE"], ["HIT_PART_VECTOR"]):
        assert (await client.search(LEXICAL | {"parts": parts})).hits
    monkeypatch.undo()


async def test_references_are_of_what_the_caller_may_read(client: Any) -> None:
    await client.put({"id": "own", "readers": ["principal:bob"], "chunks": DOCUMENTS[0]["chunks"]})
    for query in (DENSE, LEXICAL):
        asked = query | {"parts": ["HIT_PART_VECTOR"]}
        seen = {
            name: {hit.document_id for hit in (await client.acting_for(name).search(asked)).hits}
            for name in ("bob", "eve")
        }
        assert seen["bob"] - seen["eve"] == {"own"}


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (["HIT_PART_UNSPECIFIED"], "parts[0]"),
        (["HIT_PART_VECTOR", 77], "parts[1]"),
        (["HIT_PART_VECTOR"] * 4, "parts"),
    ],
)
async def test_what_is_no_part_is_refused(client: Any, parts: list[Any], field: str) -> None:
    query = DENSE | {"parts": parts}
    refusal = await client.refusal("searches.Search", {"collection": "books", "query": query})
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", f"query.{field}")
    batch = {"collection": "books", "queries": [DENSE, query]}
    assert (await client.refusal("searches.BatchSearch", batch)).field == f"queries[1].{field}"


async def test_vectors_that_no_message_would_hold_are_refused_before_any_search(client: Any) -> None:
    await client.make("wide", dimension=8192)
    most = {"text": "quick", "topK": 512, "parts": ["HIT_PART_VECTOR"]}
    assert not (await client.call("searches.Search", {"collection": "wide", "query": most})).hits
    more = {"collection": "wide", "query": most | {"topK": 513}}
    assert (await client.refusal("searches.Search", more)).field == "query.parts"
    batch = {"collection": "wide", "queries": [{"vector": [1] * 8192}, most, most]}
    refusal = await client.refusal("searches.BatchSearch", batch)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "queries[2].parts")
    assert client.registry.get_sample_value("quadrille_retrieval_pass_size_count") == 0


async def test_the_most_vectors_that_are_not_refused_are_sent(client: Any) -> None:
    await client.make("wide", dimension=8192)
    chunks = [{"text": "quick", "vector": [1] * 8192}] * 2
    await client.put({"id": "twice", "chunks": chunks}, collection="wide")
    query = search_pb2.Query(
        text="quick", top_k=2, parts=[search_pb2.HIT_PART_PASSAGE, search_pb2.HIT_PART_VECTOR]
    )
    request = search_pb2.BatchSearchRequest(collection="wide", queries=[query] * 256)
    options = [("grpc.max_receive_message_length", DEFAULT_MAX_MESSAGE_BYTES)]
    async with grpc.aio.insecure_channel(client.address, options) as channel:
        answer = await search_pb2_grpc.SearchServiceStub(channel).BatchSearch(request)
    assert answer.ByteSize() > MAX_FOUND_VECTOR_BYTES
    assert all(len(hit.vector) == 8192 for response in answer.responses for hit in response.hits)
