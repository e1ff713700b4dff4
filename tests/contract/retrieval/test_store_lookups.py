"""What every store must tell a search."""

from dataclasses import replace

import numpy as np
import pytest
from retrieval.domain import Chunk, Collection, Document
from retrieval.filters import AnyOf, Exists, Filter
from retrieval.lexical import terms
from retrieval.store.base import Store

from .stored import SPEC, document


def test_words_under_filters_that_let_much_through(store: Store, books: Collection) -> None:
    docs = [document(f"d{i:03}", "common", "common " * (i % 5), even=i % 2 == 0) for i in range(300)]
    store.upsert(books, docs, None).result(10)
    with store.reading() as reader:
        every, scores = reader.lexical(books.id, terms("common"), None, 1000)
        by_id = dict(zip(every.tolist(), scores.tolist(), strict=True))
        ids, found = reader.lexical(books.id, terms("common"), AnyOf("even", (True,)), 1000)
        allowed = reader.matching_chunks(books.id, AnyOf("even", (True,)))
    assert allowed is not None
    assert ids.tolist() == [number for number in every.tolist() if number in set(allowed.tolist())]
    assert found.tolist() == [by_id[number] for number in ids.tolist()]


def test_bm25_counts_over_one_collection_alone(store: Store, books: Collection) -> None:
    docs = [document("a", "common rare"), *(document(f"b{i}", "common words") for i in range(5))]
    store.upsert(books, docs, None).result(10)
    with store.reading() as reader:
        before = reader.lexical(books.id, terms("rare"), None, 10)
    other = store.create_collection("other", SPEC).result(10)
    store.upsert(other, [document(f"c{i}", "rare rare") for i in range(50)], None).result(10)
    with store.reading() as reader:
        after = reader.lexical(books.id, terms("rare"), None, 10)
        assert len(reader.lexical(books.id, terms("rare"), Exists("x", True), 10)[0]) == 0
    assert before[1].tolist() == after[1].tolist()
    assert before[1][0] > 0


@pytest.mark.parametrize(
    "words", ["often rare", "often", "rare once", "often rare often1 once", "none", "the often"]
)
@pytest.mark.parametrize("where", [None, AnyOf("even", (True,)), AnyOf("even", ("never",))])
def test_what_is_asked_for_again_is_found_again(
    store: Store, books: Collection, words: str, where: Filter | None
) -> None:
    docs = [
        document(
            f"d{i:04}",
            "the " + "often " * (i % 3 + 1) + "x " * (i % 7) * (i % 5) if i % 9 < 4 else f"the often{i % 2}",
            *(["rare once the"] if i % 400 == 7 else []),
            even=i % 2 == 0,
        )
        for i in range(5000)
    ]
    for start in range(0, len(docs), 1000):
        store.upsert(books, docs[start : start + 1000], None).result(30)

    def found() -> list[tuple[str, float]]:
        with store.reading() as reader:
            ids, scores = reader.lexical(books.id, terms(words), where, 20)
            names = reader.chunk_names(ids)
        return [(names[number], score) for number, score in zip(ids.tolist(), scores.tolist(), strict=True)]

    first = found()
    assert [found(), found()] == [first, first]
    gone = [name.removesuffix("#0") for name, _ in first[:3]]
    store.delete(books, gone).result(10)
    changed = found()
    assert [found(), found()] == [changed, changed]
    assert not {f"{name}#0" for name in gone} & {name for name, _ in changed}


def test_vectors_of_chunks(store: Store, books: Collection) -> None:
    store.upsert(books, [document("a", "one", "three"), Document("b", chunks=(Chunk("x"),))], None).result(10)
    with store.reading() as reader:
        ids, _ = reader.lexical(books.id, terms("one three x"), None, 10)
        vectors = reader.chunk_vectors(np.append(ids, 999))
        names = reader.chunk_names(ids)
    assert {names[number]: vector.tolist() for number, vector in vectors.items()} == {
        "a#0": [0, 3],
        "a#1": [1, 5],
    }


def test_what_matches_is_told_anew_after_every_write(store: Store, books: Collection) -> None:
    def count(where: Filter) -> int:
        with store.reading() as reader:
            found = reader.matching_chunks(books.id, where)
        assert found is not None
        return len(found)

    one, true = AnyOf("x", (1.0,)), AnyOf("x", (True,))
    store.upsert(books, [document("a", "w", x=1.0), document("b", "w", x=1.0)], None).result(10)
    assert (count(one), count(true), count(one)) == (2, 0, 2)
    store.snapshot("first")
    store.upsert(books, [document("a", "w", x=True)], None).result(10)
    assert (count(one), count(true)) == (1, 1)
    store.delete(books, ["b"]).result(10)
    assert count(one) == 0
    store.restore("first").result(30)
    assert count(one) == 2
    store.upsert(books, [document("b", "w")], None).result(10)  # takes the number that the rewrite of a had
    assert (count(one), count(true)) == (1, 0)


def test_passages_are_as_they_were_written(store: Store, books: Collection) -> None:
    texts = ["plain", 'quo"ted \\ back', "nul \0 and \u2028 line", "é 漢 😀", "\x7f\x1b\t\r\n"]
    metadata = {"deep": {"list": [1, 2.5, None, True, "\0"]}, "big": 1e300, "text": "\\\"'"}
    written = replace(document("d\"'\\é", *texts), metadata=metadata, title="T\0", source_uri="a\\b")
    store.upsert(books, [written, document("other", *("word " * 9 for _ in range(70)))], None).result(10)
    with store.reading() as reader:
        numbers = np.arange(1, 90, dtype=np.int64)
        passages = reader.passages(numbers)
        known = reader.chunk_names(numbers)
        assert {number: passage.id for number, passage in passages.items()} == known
        assert len(known) == 75
        assert reader.passages(numbers[:0]) == {}
        stored = reader.document(books.id, written.id, vectors=False)
    mine = sorted((p for p in passages.values() if p.document_id == written.id), key=lambda p: p.ordinal)
    assert [(p.text, p.start_byte, p.end_byte) for p in mine] == [
        (c.text, c.start_byte, c.end_byte) for c in stored.chunks
    ]
    assert [p.text for p in mine] == texts
    for passage in mine:
        assert passage.metadata == stored.metadata == metadata
        assert (passage.title, passage.source_uri) == ("T\0", "a\\b")
        assert passage.content_sha256 == stored.content_sha256
