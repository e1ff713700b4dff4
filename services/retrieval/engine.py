"""The async facade: reads run on a few threads, writes wait for the writer, the event loop for neither."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TypeVar

from serving.call import current_call
from serving.errors import Unavailable

from retrieval import limits, validation
from retrieval.audit import RecallAudit
from retrieval.dispatch import Dispatcher
from retrieval.domain import (
    EVERYTHING,
    Access,
    AnyAnswer,
    Collection,
    CollectionSpec,
    Deleted,
    Document,
    Page,
    Query,
    Written,
)
from retrieval.filters import Filter, check_filter
from retrieval.index.builder import Builder
from retrieval.index.set import IndexSet
from retrieval.index.threads import compute_alone
from retrieval.kept import KeptPassages
from retrieval.metrics import StoreMetrics
from retrieval.reports import Stats
from retrieval.searching import Target, check_stamp_matches
from retrieval.store.base import CommitListener, Store
from retrieval.store.reader import Reader

T = TypeVar("T")
OpenStore = Callable[[CommitListener], Store]
OpenBuilder = Callable[[Store], Builder]
OpenAudit = Callable[[Store], RecallAudit]


class Engine:
    """Collections, documents and searches of all tenants; the tenant is part of every address."""

    def __init__(
        self,
        open_store: OpenStore,
        open_builder: OpenBuilder,
        open_audit: OpenAudit,
        indexes: IndexSet,
        metrics: StoreMetrics,
        kept: KeptPassages,
        *,
        reader_threads: int = 4,
        most_vector_bytes: int = limits.MAX_FOUND_VECTOR_BYTES,
    ) -> None:
        self._most_vector_bytes = most_vector_bytes
        self.metrics = metrics
        self.indexes = indexes
        self._kept = kept
        self._open_store = open_store
        self._open_builder = open_builder
        self._open_audit = open_audit
        self._store: Store | None = None
        self._dispatcher: Dispatcher | None = None
        self._threads = ThreadPoolExecutor(
            reader_threads, thread_name_prefix="retrieval-reader", initializer=compute_alone
        )
        self._opened = AsyncExitStack()
        self._opened.callback(self._threads.shutdown)

    async def start(self) -> None:
        """Open the store and derive the indexes; raises FailedPrecondition or DataLoss when it cannot."""
        self._store = store = await asyncio.to_thread(self._open_store, self.indexes)
        self._opened.push_async_callback(self._close_store)
        audit = self._open_audit(store)
        self._opened.push_async_callback(self.in_thread, audit.stop)
        self._dispatcher = Dispatcher(store, self.indexes, self.metrics, self._threads, self._kept, audit)
        compute_alone()  # small searches run in the event loop's thread
        self._opened.push_async_callback(self.in_thread, self._dispatcher.close)
        builder = self._open_builder(store)
        self._opened.push_async_callback(self.in_thread, builder.stop)
        self.metrics.watch(self.measure)

    async def stop(self) -> None:
        """Finish queued writes and close what was opened, the last first."""
        await self._opened.aclose()

    async def _close_store(self) -> None:
        store, self._store = self.store, None
        await self.in_thread(store.close)

    @property
    def store(self) -> Store:
        """The open store; raises Unavailable before `start` and after `stop`."""
        if self._store is None:
            raise Unavailable("the store is not open")
        return self._store

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work on a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def read(self, work: Callable[[Reader], T], access: Access = EVERYTHING) -> T:
        """Run work on a view of what `access` may read, on a reader thread."""
        store = self.store

        def run() -> T:
            with store.reading(access) as reader:
                return work(reader)

        return await self.in_thread(run)

    async def create_collection(self, tenant: str, spec: CollectionSpec) -> Collection:
        """Make an empty collection."""
        return await asyncio.wrap_future(self.store.create_collection(tenant, validation.check_spec(spec)))

    async def get_collection(self, tenant: str, name: str, field: str = "name") -> Collection:
        """Return a collection by name or alias."""
        validation.check_name(name, field)
        return await self.read(lambda reader: reader.collection(tenant, name))

    async def list_collections(self, tenant: str, after: str, limit: int) -> list[Collection]:
        """Return a tenant's collections by name."""
        return await self.read(lambda reader: reader.collections(tenant, after, limit))

    async def delete_collection(self, tenant: str, name: str) -> int:
        """Delete a collection; returns how many documents it held."""
        validation.check_name(name, "name")
        return await asyncio.wrap_future(self.store.delete_collection(tenant, name))

    async def swap_alias(
        self, tenant: str, alias: str, collection: str, expected_lsn: int | None = None
    ) -> str:
        """Point an alias at a collection, or remove it; returns where it pointed."""
        validation.check_name(alias, "alias")
        if collection:
            validation.check_name(collection, "collection")
        return await asyncio.wrap_future(self.store.swap_alias(tenant, alias, collection, expected_lsn))

    async def open_for_writing(self, tenant: str, name: str, stamp: str, prefix: str = "") -> Collection:
        """Return a collection that takes vectors of this stamp; `prefix` begins the fields' paths."""
        validation.check_stamp(stamp, f"{prefix}embedding_model")
        collection = await self.get_collection(tenant, name, f"{prefix}collection")
        check_stamp_matches(collection, stamp)
        return collection

    async def upsert(
        self,
        tenant: str,
        name: str,
        documents: Sequence[Document],
        stamp: str,
        expected_version: int | None,
        access: Access,
    ) -> Written:
        """Write documents, all or none."""
        validation.check_distinct(documents, "documents")
        collection = await self.open_for_writing(tenant, name, stamp)
        fields = [f"documents[{i}]" for i in range(len(documents))]
        return await self.write(collection, documents, fields, access, expected_version)

    async def write(
        self,
        collection: Collection,
        documents: Sequence[Document],
        fields: Sequence[str],
        access: Access,
        expected_version: int | None = None,
    ) -> Written:
        """Check documents, whose paths in the request are `fields`, and write them in one transaction."""
        outcome = "rejected"
        try:
            checked = await self.in_thread(
                lambda: [
                    validation.check_document(document, collection.spec, field)
                    for document, field in zip(documents, fields, strict=True)
                ]
            )
            written = await asyncio.wrap_future(
                self.store.upsert(collection, checked, expected_version, access)
            )
            outcome = "accepted"
        finally:
            self.metrics.ingest_documents.labels(outcome).inc(len(documents))
        return written

    async def get_document(
        self, tenant: str, name: str, document_id: str, access: Access, *, vectors: bool
    ) -> Document:
        """Return one document with its chunks."""
        validation.check_name(name, "collection")
        validation.check_bytes(document_id, 1, limits.MAX_DOCUMENT_ID_BYTES, "id")

        def run(reader: Reader) -> Document:
            return reader.document(reader.collection(tenant, name).id, document_id, vectors=vectors)

        return await self.read(run, access)

    async def list_documents(
        self,
        tenant: str,
        name: str,
        where: Filter | None,
        after: str,
        limit: int,
        access: Access,
        *,
        content: bool,
    ) -> Page:
        """Return documents by id, those whose metadata match."""
        validation.check_name(name, "collection")
        if where:
            check_filter(where, "filter")

        def run(reader: Reader) -> Page:
            number = reader.collection(tenant, name).id
            return reader.documents(number, where, after, limit, content=content)

        return await self.read(run, access)

    async def delete_documents(
        self, tenant: str, name: str, which: Sequence[str] | Filter, access: Access
    ) -> Deleted:
        """Delete documents by id or by filter."""
        if not isinstance(which, Sequence):
            check_filter(which, "filter")
        collection = await self.get_collection(tenant, name, "collection")
        return await asyncio.wrap_future(self.store.delete(collection, which, access))

    async def search(
        self, target: Target, queries: Sequence[Query], fields: Sequence[str]
    ) -> list[AnyAnswer]:
        """Answer queries over one collection; raises InvalidInput for vectors that no message would hold."""
        validation.check_name(target.name, "collection")
        validation.check_stamp(target.embedding_model, "embedding_model")
        for query, field in zip(queries, fields, strict=True):
            if query.filter:
                check_filter(query.filter, f"{field}.filter")
        if self._store is None or self._dispatcher is None:
            raise Unavailable("the store is not open")
        if any(query.with_vectors for query in queries):
            collection = await self.get_collection(target.tenant, target.name, "collection")
            validation.check_vectors_fit(queries, fields, collection.spec.dimension, self._most_vector_bytes)
        return await self._dispatcher.answer(target, queries, fields, current_call().deadline)

    def measure(self) -> Stats:
        """Measure the store and its vectors; blocking."""
        with self.store.reading() as reader:
            totals = reader.totals()
        return Stats(totals, self.indexes.measure())
