"""What the suites of the store write and look up."""

import numpy as np
from retrieval.domain import Chunk, Collection, CollectionSpec, Document, Metric
from retrieval.lexical import terms
from retrieval.store.base import Store

SPEC = CollectionSpec("books", 2, Metric.L2, embedding_model="m")


def document(name: str, *texts: str, **metadata: object) -> Document:
    chunks = tuple(
        Chunk(text, 0, len(text), np.array([i, len(text)], dtype=np.float32)) for i, text in enumerate(texts)
    )
    return Document(name, "Title", "file:x", " ".join(texts), dict(metadata), chunks)


def found(store: Store, collection: Collection, words: str) -> list[str]:
    with store.reading() as reader:
        ids, _ = reader.lexical(collection.id, terms(words), None, 100)
        return sorted(reader.chunk_names(ids).values())


def names(store: Store, collection: Collection) -> list[str]:
    with store.reading() as reader:
        return [d.id for d in reader.documents(collection.id, None, "", 1000, content=False).documents]
