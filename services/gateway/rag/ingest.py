"""Stores files: read, cut, embed, upsert. Each file succeeds or fails by itself."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from serving.errors import (
    AlreadyExists,
    DeadlineUnreachable,
    FailedPrecondition,
    InvalidInput,
    NotFound,
    Overloaded,
    QuadrilleError,
    Unavailable,
)

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain import ingest as domain
from gateway.domain.retrieval import Collection, NewDocument, Vector
from gateway.domain.text import TextModel
from gateway.metrics import GatewayMetrics
from gateway.rag.chunker import chunk_text
from gateway.rag.embedding import Embedder, find_embedder
from gateway.rag.fields import renamed
from gateway.rag.measures import CHARACTERS
from gateway.rag.readers import read_file

MAX_CHUNKS = 10_000  # what the store takes as one document
_DOCUMENT_FIELDS = {
    "documents[0].text": "file.data",
    "documents[0].chunks": "file.data",
    "documents[0]": "file",
}
_COLLECTION_FIELDS = {"collection.name": "start.collection", "name": "start.collection"}


class Ingester:
    """Ingest of files over the text and retrieval ports."""

    def __init__(self, text: TextBackend, retrieval: RetrievalBackend, metrics: GatewayMetrics) -> None:
        self._text = text
        self._retrieval = retrieval
        self._metrics = metrics

    async def ingest(
        self, start: domain.IngestStart, files: AsyncIterator[domain.File | domain.FileRefused]
    ) -> AsyncGenerator[domain.IngestEvent, None]:
        """One event a file, in order, then finished. What is already refused is passed through.

        A file's own errors refuse that file; a service that is lost or has too much to do, or a deadline, ends it all.
        """
        embedder = await find_embedder(self._text, start.embedding_model)
        collection = await self._collection(start.collection, embedder.model)
        reusable = collection.embedding_model == embedder.model.stamp != ""
        stored = refused = chunks = lsn = 0
        async for file in files:
            event = (
                file
                if isinstance(file, domain.FileRefused)
                else await self._file(start, embedder, file, reusable)
            )
            self._metrics.count_file(event)
            if isinstance(event, domain.FileRefused):
                refused += 1
            else:
                stored += 1
                chunks += 0 if event.unchanged else event.chunk_count
                lsn = lsn if event.unchanged else max(lsn, event.lsn)
            yield event
        yield domain.IngestFinished(stored, refused, chunks, lsn, collection.name)

    async def _file(
        self, start: domain.IngestStart, embedder: Embedder, file: domain.File, reusable: bool
    ) -> domain.FileStored | domain.FileRefused:
        try:
            return await self._store(start, embedder, file, reusable)
        except (Overloaded, Unavailable, DeadlineUnreachable):
            raise
        except InvalidInput as error:
            return domain.FileRefused(file.id, error.reason, error.field, error.description)
        except QuadrilleError as error:
            return domain.FileRefused(file.id, error.reason, "", error.message)

    async def _store(
        self, start: domain.IngestStart, embedder: Embedder, file: domain.File, reusable: bool
    ) -> domain.FileStored:
        """Store one file; `reusable` says that the collection's vectors are of this embedder."""
        read = await read_file(file)
        title, uri = file.title or read.title or file.id, file.source_uri or file.id
        measure = await embedder.measure(read.text) if start.in_tokens else CHARACTERS
        chunks = await asyncio.to_thread(
            chunk_text, read.text, start.chunk_size, start.chunk_overlap, measure
        )
        if len(chunks) > MAX_CHUNKS:
            raise InvalidInput("file.data", f"makes {len(chunks)} chunks of this size, at most {MAX_CHUNKS}")
        digest = hashlib.sha256(read.text.encode()).hexdigest()
        try:
            known = await self._retrieval.get_document(start.collection, file.id)
        except NotFound:
            known = None
        if known is not None:
            spans = tuple((chunk.start_byte, chunk.end_byte) for chunk in chunks)
            held = (known.content_sha256, known.spans, known.title, known.source_uri, known.metadata)
            if (*held, set(known.readers)) == (digest, spans, title, uri, file.metadata, set(file.readers)):
                return domain.FileStored(file.id, len(chunks), known.lsn, unchanged=True)
        embedded: Mapping[str, Vector] = {}
        if known is not None and reusable:
            embedded = await self._retrieval.chunk_vectors(start.collection, file.id)
        vectors = await embedder.embed([chunk.text for chunk in chunks], embedded)
        document = NewDocument(
            file.id, title, uri, read.text, file.metadata, tuple(chunks), vectors, file.readers
        )
        with renamed(_DOCUMENT_FIELDS):
            lsn = await self._retrieval.upsert_document(
                start.collection, document, embedder.model.stamp, file.expected_version
            )
        return domain.FileStored(file.id, len(chunks), lsn, unchanged=False)

    async def _collection(self, name: str, embedder: TextModel) -> Collection:
        with renamed(_COLLECTION_FIELDS):
            collection = await self._found_or_made(name, embedder)
        if collection.embedding_model and collection.embedding_model != embedder.stamp:
            raise FailedPrecondition(
                "EMBEDDING_MODEL_MISMATCH",
                f"collection {name!r} holds vectors of {collection.embedding_model}, not of {embedder.stamp}",
            )
        return collection

    async def _found_or_made(self, name: str, embedder: TextModel) -> Collection:
        try:
            collection = await self._retrieval.get_collection(name)
        except NotFound:
            if embedder.embedding_dimension is None:
                raise InvalidInput("start.embedding_model", f"{embedder.id!r} cannot embed") from None
            collection = Collection(name, embedder.embedding_dimension, embedder.stamp)
            try:
                await self._retrieval.create_collection(collection)
            except AlreadyExists:  # somebody else was faster
                collection = await self._retrieval.get_collection(name)
        return collection
