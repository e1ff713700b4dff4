"""Ingest of files: the gateway reads, cuts, embeds and stores them."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from quadrille_client._sync.listing import all_of
from quadrille_client._sync.retrieval import Documents
from quadrille_client._sync.transport import Transport, time_left
from quadrille_client.convert import rag as convert
from quadrille_client.convert.retrieval import plain
from quadrille_client.errors import NotFoundError, from_rpc_error
from quadrille_client.files import folder_names, walk
from quadrille_client.types import rag as types
from quadrille_client.uploads import SYNC, Outcome, Upload, added, changed, grouped, uploads

_PAGE_SIZE = _DELETED_AT_ONCE = 1000


class IngestCalls:
    """Ingest of files: mixed into the client.

    Files go in calls of a few each, whose deadline is the client's timeout; a call that fails is retried from the first
    file on that was not answered.
    """

    _transport: Transport

    def ingest(
        self,
        collection: str,
        paths: Iterable[str | Path],
        *,
        metadata: Mapping[str, Any] | None = None,
        readers: Sequence[str] = (),
        embedding_model: str = "",
        chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        chunk_unit: types.ChunkUnit | None = None,
    ) -> Iterator[Outcome | types.FilesFinished]:
        """Have files (and the files of folders) read, cut, embedded and stored; yields their fates.

        `readers` are who may read the documents: "principal:NAME", "group:NAME"; everyone in the tenant when left out.
        """
        start = convert.start(collection, embedding_model, chunk_size, chunk_overlap, chunk_unit)
        total = types.FilesFinished(collection, 0, 0, 0, 0)
        for event in self._send(start, uploads(list(walk(paths)), metadata or {}, readers)):
            total = added(total, event)
            yield event
        yield total

    def sync(
        self,
        collection: str,
        folders: Sequence[str | Path],
        *,
        metadata: Mapping[str, Any] | None = None,
        readers: Sequence[str] = (),
        embedding_model: str = "",
        chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        chunk_unit: types.ChunkUnit | None = None,
    ) -> Iterator[Outcome | types.FilesFinished]:
        """Make the collection hold what the folders do: send the files that changed, delete those that are gone.

        A folder is known by its name, and its files by their content and by what else is given here. Only what an
        earlier `sync` of a folder of that name has stored is deleted. May be interrupted at any time, and begun again.
        """
        if metadata and SYNC in metadata:
            raise ValueError(f"metadata must not hold {SYNC!r}, which sync sets itself")
        options: dict[str, Any] = {
            "chunk_size": chunk_size,
            "chunk_overlap": chunk_overlap,
            "chunk_unit": chunk_unit,
            "readers": sorted(readers) or None,
        }
        marked = {name: option for name, option in options.items() if option is not None}
        start = convert.start(collection, embedding_model, chunk_size, chunk_overlap, chunk_unit)
        names, files = folder_names(folders), list(walk(folders))
        known: dict[str, Mapping[str, Any]] = {}
        for name in names:
            known |= self._synchronized(collection, name)
        found = changed(uploads(files, plain(metadata or {}), readers), known, plain(marked))
        total = types.FilesFinished(collection, 0, 0, 0, 0)
        for event in self._send(start, found):
            total = added(total, event)
            yield event
        gone = sorted(known.keys() - {name for name, _ in files})
        for first in range(0, len(gone), _DELETED_AT_ONCE):
            ids = gone[first : first + _DELETED_AT_ONCE]
            Documents(self._transport).delete(collection, ids=ids)
            for id in ids:
                removed = types.FileRemoved(id)
                total = added(total, removed)
                yield removed
        yield total

    def _synchronized(self, collection: str, folder: str) -> dict[str, Mapping[str, Any]]:
        """Metadata by id of the documents that came from a folder."""
        documents, of_folder = Documents(self._transport), {"field": f"{SYNC}.folder", "equals": folder}
        try:
            return {d.id: d.metadata for d in all_of(documents, collection, _PAGE_SIZE, of_folder)}
        except NotFoundError:
            return {}  # the first ingest makes the collection

    def _send(
        self,
        start: rag_pb2.IngestDocumentsRequest,
        found: Iterable[Upload | types.FileRefused | types.FileSkipped],
    ) -> Iterator[Outcome]:
        begun = False
        for told, group in grouped(found):
            for item in told:
                yield item
            if not group:
                continue
            if not begun:
                for _ in self._call(start, ()):
                    pass  # what is wrong with the start is told before any file goes
                begun = True
            for event in self._call(start, group):
                yield event

    def _call(
        self, start: rag_pb2.IngestDocumentsRequest, group: Sequence[Upload]
    ) -> Iterator[types.FileStored | types.FileRefused]:
        transport, deadline, attempt = self._transport, self._transport.deadline(), 0
        stub: Any = rag_pb2_grpc.RagServiceStub(transport.channel)
        while True:
            answered, over = threading.Semaphore(1), threading.Event()
            call = stub.IngestDocuments(
                _requests(start, group, answered, over),
                timeout=time_left(deadline),
                metadata=transport.metadata(),
            )
            try:
                for response in call:
                    event = convert.file_event(response)
                    if isinstance(event, types.FileStored | types.FileRefused):
                        group = group[1:]
                        answered.release()
                        yield event
                return
            except grpc.RpcError as error:
                failure = from_rpc_error(error)
                delay = transport.policy.delay_s(failure, attempt, time_left(deadline))
                if delay is None:
                    raise failure from error
            finally:
                over.set()
                answered.release()
                call.cancel()
            time.sleep(delay)
            attempt += 1


def _requests(
    start: rag_pb2.IngestDocumentsRequest,
    group: Sequence[Upload],
    answered: threading.Semaphore,
    over: threading.Event,
) -> Iterator[rag_pb2.IngestDocumentsRequest]:
    """The start and the files, each after the answer to the one before.

    grpc.aio forgets why a server ended a call when it was being written to.
    """
    yield start
    for upload in group:
        answered.acquire()
        if over.is_set():
            return
        yield convert.file(upload)
