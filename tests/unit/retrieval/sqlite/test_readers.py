"""What a view shows, against who may read what in Python."""

import sqlite3
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval.domain import Access, Chunk, Collection, CollectionSpec, Document
from retrieval.filters import AnyOf, Filter, Not
from retrieval.lexical import terms
from retrieval.store.sqlite import collections, documents
from retrieval.store.sqlite.reader import SqliteReader
from retrieval.store.sqlite.schema import migrate

READERS = st.sampled_from(["principal:a", "principal:b", "group:a", "group:b", "principal:%", "group:"])
DOCUMENTS = st.dictionaries(
    st.sampled_from("vwxyz"), st.tuples(st.sets(READERS, max_size=3), st.booleans()), max_size=5
)
WRITES = st.lists(
    st.tuples(DOCUMENTS, st.none() | st.frozensets(READERS, max_size=3)), min_size=1, max_size=3
)
EVEN: Filter = AnyOf("even", (True,))


def document(name: str, readers: set[str], even: bool) -> Document:
    chunk = Chunk("word", vector=np.array([1, 0], dtype=np.float32))
    return Document(name, metadata={"even": even}, chunks=(chunk, chunk), readers=tuple(sorted(readers)))


def may_read(kept: Document, access: Access) -> bool:
    return access is None or not kept.readers or not access.isdisjoint(kept.readers)


def check(
    connection: sqlite3.Connection, books: Collection, kept: dict[str, Document], access: Access
) -> None:
    reader = SqliteReader(connection, Path("none"), access)
    for where in (None, EVEN, Not(EVEN)):
        seen = [
            name
            for name, item in sorted(kept.items())
            if may_read(item, access) and (where is None or item.metadata["even"] == (where == EVEN))
        ]
        page = reader.documents(books.id, where, "", 100, content=True)
        assert [item.id for item in page.documents] == seen
        chunks = reader.matching_chunks(books.id, where)
        if chunks is not None:
            assert sorted(reader.chunk_names(chunks).values()) == [f"{n}#{i}" for n in seen for i in (0, 1)]
        elif where is None:
            assert len(seen) == len(kept)
        ids, _ = reader.lexical(books.id, terms("word"), where, 100)
        assert sorted(reader.chunk_names(ids).values()) == [f"{n}#{i}" for n in seen for i in (0, 1)]


@settings(max_examples=60, deadline=None)
@given(WRITES, st.none() | st.frozensets(READERS, max_size=3))
def test_each_caller_sees_what_is_theirs(
    writes: list[tuple[dict[str, tuple[set[str], bool]], Access]], access: Access
) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    books, _ = collections.create(connection, "t", CollectionSpec("books", 2))
    other, _ = collections.create(connection, "t", CollectionSpec("other", 2))
    documents.upsert(connection, other, [document("v", {"principal:a"}, True)], None, None)
    kept: dict[str, Document] = {}
    for sent, removing in writes:
        items = [document(name, *rest) for name, rest in sent.items()]
        documents.upsert(connection, books, items, None, None)
        kept |= {item.id: item for item in items}
        deleted, _ = documents.delete(connection, books, ["v", "x"], removing)
        gone = [name for name in ("v", "x") if name in kept and may_read(kept[name], removing)]
        assert deleted.count == len(gone)
        for name in gone:
            del kept[name]
        check(connection, books, kept, access)
    connection.close()
