"""Makes attached files searchable, off the requests that attached them.

What is to be done stands in the store: for each file a document in progress. Whoever works on one first writes that it
does so, and until when, expecting the version that it read; the result is written expecting that claim. So only one of
all gateways works on a file, a file that is deleted, cancelled or attached anew meanwhile is left alone, and what a
gateway leaves behind is taken up by the next that is asked about it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace

import structlog
from serving.errors import (
    FailedPrecondition,
    NotFound,
    Overloaded,
    QuadrilleError,
    Unavailable,
    VersionConflict,
)

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain.files import Attachment, AttachmentStatus, Failure
from gateway.domain.ingest import File, FileRefused, IngestStart
from gateway.files.attachments import attachment_of, document_of, metadata_of
from gateway.files.library import FileLibrary
from gateway.files.media import media_type_of
from gateway.rag.embedding import embedder_of
from gateway.rag.ingest import Ingester

log = structlog.get_logger(__name__)
MAX_QUEUED = 10_000  # files that one gateway has to do
_AT_ONCE = 2
_LONGEST_WAIT_S = 60.0


class Attacher:
    """Works on files in the order in which they were attached, for whom they were attached."""

    def __init__(
        self,
        text: TextBackend,
        retrieval: RetrievalBackend,
        library: FileLibrary,
        ingester: Ingester,
        *,
        lease_s: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._text = text
        self._retrieval = retrieval
        self._library = library
        self._ingester = ingester
        self._lease_s = lease_s
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._queued: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def check_room(self, count: int) -> None:
        """Raise Overloaded when so many files more are too many."""
        if len(self._queued) + count > MAX_QUEUED:
            raise Overloaded(f"{len(self._queued)} files wait to be read", retry_after_s=5.0)

    def start(self, store_id: str, file_ids: Iterable[str]) -> None:
        """Work on files soon, as the caller of the request in progress; those that wait already are passed over."""
        fresh = [id for id in file_ids if (store_id, id) not in self._queued]
        if fresh:
            self._queued.update((store_id, id) for id in fresh)
            task = asyncio.create_task(self._run(store_id, fresh))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def resume(self, store_id: str, attachments: Iterable[Attachment]) -> None:
        """Take up what nobody works on."""
        now = self._clock()
        left = [
            item.file_id
            for item in attachments
            if item.status is AttachmentStatus.IN_PROGRESS and item.leased_until <= now
        ]
        self.start(store_id, left[: max(0, MAX_QUEUED - len(self._queued))])

    async def rewrite(self, store_id: str, attachment: Attachment) -> None:
        """Write a file that is complete anew, with other attributes; equal chunks keep their vectors."""
        failure = await self._ingest(store_id, attachment, attachment.version)
        if failure is not None:
            raise FailedPrecondition(failure.code.upper(), failure.message)

    async def stop(self) -> None:
        """Leave the rest to others."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, store_id: str, file_ids: Sequence[str]) -> None:
        try:
            for file_id in file_ids:
                try:
                    await self._patiently(store_id, file_id)
                except QuadrilleError as error:  # it stays in progress, and is taken up again
                    log.warning("attaching_failed", store=store_id, file=file_id, error=error.message)
                finally:
                    self._queued.discard((store_id, file_id))
        finally:
            self._queued.difference_update((store_id, id) for id in file_ids)

    async def _patiently(self, store_id: str, file_id: str) -> None:
        """Work on a file, and again, for as long as a lease, where a service is lost or has too much to do."""
        last = self._clock() + self._lease_s
        while True:
            try:
                async with self._slots:
                    return await self._file(store_id, file_id)
            except (Overloaded, Unavailable) as error:
                if self._clock() >= last:
                    raise
                await asyncio.sleep(error.retry_after_s)

    async def _file(self, store_id: str, file_id: str) -> None:
        """Work on a file until it is done, or somebody else's."""
        while True:
            try:
                attachment = attachment_of(await self._retrieval.get_document(store_id, file_id))
            except NotFound:
                return
            now = self._clock()
            if attachment.status is not AttachmentStatus.IN_PROGRESS or attachment.leased_until > now:
                return
            claimed = replace(attachment, leased_until=now + self._lease_s)
            try:
                await self._write(store_id, claimed)
                await self._work(store_id, replace(claimed, version=claimed.version + 1))
            except VersionConflict:
                continue

    async def _work(self, store_id: str, claimed: Attachment) -> None:
        try:
            async with asyncio.timeout(self._lease_s):
                failure = await self._ingest(store_id, claimed, claimed.version)
        except VersionConflict:
            raise
        except (Overloaded, Unavailable) as error:
            if error.retry_after_s > _LONGEST_WAIT_S:  # a quota
                failure = Failure("server_error", error.message)
            else:
                await self._release(store_id, claimed)
                raise
        except QuadrilleError as error:
            failure = Failure("server_error", error.message)
        except TimeoutError:
            failure = Failure("server_error", f"was not read within {self._lease_s:g} s")
        except asyncio.CancelledError:
            await self._release(store_id, claimed)
            raise
        if failure is not None:
            failed = replace(claimed, status=AttachmentStatus.FAILED, failure=failure, leased_until=0.0)
            await self._write(store_id, failed)

    async def _release(self, store_id: str, claimed: Attachment) -> None:
        with contextlib.suppress(QuadrilleError):
            await self._write(store_id, replace(claimed, leased_until=0.0))

    async def _ingest(self, store_id: str, attachment: Attachment, version: int) -> Failure | None:
        """Read, cut, embed and write a file whose document has this version; what it failed by, if by itself."""
        try:
            file = await self._library.get(attachment.file_id)
            data = await self._library.content(file.id)
        except NotFound as error:
            return Failure("invalid_file", error.message)
        done = replace(attachment, status=AttachmentStatus.COMPLETED, leased_until=0.0)
        stamp = (await self._retrieval.get_collection(store_id)).embedding_model
        embedder = embedder_of(stamp, await self._text.list_models())
        sizes = attachment.chunking.size_tokens, attachment.chunking.overlap_tokens
        start = IngestStart(store_id, embedder, *sizes, in_tokens=True)
        upload = File(
            file.id,
            data,
            media_type_of(file),
            file.filename,
            metadata=metadata_of(done),
            expected_version=version,
        )
        async with contextlib.aclosing(self._ingester.ingest(start, _only(upload))) as events:
            event = await anext(events)
        if isinstance(event, FileRefused):
            if event.reason == VersionConflict.reason:
                raise VersionConflict(event.description)
            return Failure(_code(event), event.description)
        return None

    async def _write(self, store_id: str, attachment: Attachment) -> None:
        await self._retrieval.upsert_document(
            store_id, document_of(attachment), "", expected_version=attachment.version
        )


def _code(refused: FileRefused) -> str:
    if refused.field == "file.media_type":
        return "unsupported_file"
    return "invalid_file" if refused.field else "server_error"


async def _only(file: File) -> AsyncIterator[File]:
    yield file
