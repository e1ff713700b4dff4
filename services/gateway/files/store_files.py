"""The files of vector stores: attached, listed, changed and taken away, one by one or in batches."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

from serving.errors import InvalidInput, NotFound, VersionConflict

from gateway.backends import RetrievalBackend
from gateway.domain.files import Attachment, AttachmentStatus, ToAttach
from gateway.domain.filters import Scalar
from gateway.files.attaching import Attacher
from gateway.files.attachments import attachment_of, chosen, document_of
from gateway.files.ids import BATCH, FILE, VECTOR_STORE, check_id, missing, new_id
from gateway.files.library import FileLibrary

_WRITTEN_AT_ONCE = 1000  # the store's most


class StoreFiles:
    """Over the retrieval port; an attacher makes searchable what is attached."""

    def __init__(self, retrieval: RetrievalBackend, library: FileLibrary, attacher: Attacher) -> None:
        self._retrieval = retrieval
        self._library = library
        self._attacher = attacher

    async def attach(self, store_id: str, files: Sequence[ToAttach], batch_id: str = "") -> list[Attachment]:
        """Have files read soon; what was attached before is read anew, and belongs to this batch alone.

        Raises NotFound for a file or a store that is not there, InvalidInput for a file named twice, Overloaded.
        """
        check_id(VECTOR_STORE, store_id)
        if len({item.file_id for item in files}) < len(files):
            raise InvalidInput("file_ids", "must be distinct")
        self._attacher.check_room(len(files))
        now, attached = int(time.time()), []
        for item in files:
            file = await self._library.get(item.file_id)
            attached.append(
                Attachment(
                    file.id, file.filename, file.size_bytes, now, item.chunking, item.attributes, batch_id
                )
            )
        for first in range(0, len(attached), _WRITTEN_AT_ONCE):
            documents = [document_of(item) for item in attached[first : first + _WRITTEN_AT_ONCE]]
            try:
                await self._retrieval.upsert_documents(store_id, documents)
            except NotFound:
                raise missing(VECTOR_STORE, store_id) from None
        self._attacher.start(store_id, [item.file_id for item in attached])
        return attached

    async def attach_batch(self, store_id: str, files: Sequence[ToAttach]) -> tuple[str, list[Attachment]]:
        """Have files read soon; returns the id by which their progress is asked for, too."""
        batch_id = new_id(BATCH)
        return batch_id, await self.attach(store_id, files, batch_id)

    async def all(
        self, store_id: str, *, status: AttachmentStatus | None = None, batch_id: str = ""
    ) -> list[Attachment]:
        """All files, those of a status and of a batch where these are given; raises NotFound without the store."""
        listing = self._retrieval.list_documents(check_id(VECTOR_STORE, store_id), chosen(status, batch_id))
        try:
            found = [attachment_of(document) async for document in listing]
        except NotFound:
            raise missing(VECTOR_STORE, store_id) from None
        self._attacher.resume(store_id, found)
        return found

    async def batch(self, store_id: str, batch_id: str) -> list[Attachment]:
        """The files of a batch; raises NotFound when there are none (any more)."""
        found = await self.all(store_id, batch_id=check_id(BATCH, batch_id))
        if not found:
            raise missing(BATCH, batch_id)
        return found

    async def get(self, store_id: str, file_id: str) -> Attachment:
        """One file; raises NotFound."""
        attachment, _ = await self._read(store_id, file_id)
        self._attacher.resume(store_id, [attachment])
        return attachment

    async def text(self, store_id: str, file_id: str) -> str:
        """What was read of a file, empty when it is not complete; raises NotFound."""
        _, text = await self._read(store_id, file_id)
        return text

    async def update(self, store_id: str, file_id: str, attributes: dict[str, Scalar]) -> Attachment:
        """Replace the attributes of a file; raises NotFound, VersionConflict.

        Whoever is reading it reads it again: the lease was for the other attributes.
        """
        changed = replace(await self.get(store_id, file_id), attributes=attributes, leased_until=0.0)
        if changed.status is AttachmentStatus.COMPLETED:
            await self._attacher.rewrite(store_id, changed)
        else:
            await self._write(store_id, changed)
        return changed

    async def detach(self, store_id: str, file_id: str) -> None:
        """Take a file out of a store; the file itself stays. Raises NotFound."""
        await self._read(store_id, file_id)
        await self._retrieval.delete_documents(store_id, [file_id])

    async def forget(self, store_id: str, file_id: str) -> None:
        """Take a file out of a store, if it is in it and the store is there."""
        with contextlib.suppress(NotFound):
            await self._retrieval.delete_documents(store_id, [file_id])

    async def cancel(self, store_id: str, batch_id: str) -> list[Attachment]:
        """Leave aside what is not done of a batch; what is being read may still complete."""
        for item in await self.batch(store_id, batch_id):
            if item.status is AttachmentStatus.IN_PROGRESS:
                cancelled = replace(item, status=AttachmentStatus.CANCELLED, leased_until=0.0)
                with contextlib.suppress(VersionConflict):  # it was claimed or completed just now
                    await self._write(store_id, cancelled)
        return await self.batch(store_id, batch_id)

    async def _read(self, store_id: str, file_id: str) -> tuple[Attachment, str]:
        check_id(VECTOR_STORE, store_id)
        check_id(FILE, file_id)
        try:
            document = await self._retrieval.get_document(store_id, file_id)
        except NotFound as error:
            if error.metadata.get("kind") == "collection":
                raise missing(VECTOR_STORE, store_id) from None
            raise missing(FILE, file_id) from None
        return attachment_of(document), document.text

    async def _write(self, store_id: str, attachment: Attachment) -> None:
        await self._retrieval.upsert_document(
            store_id, document_of(attachment), "", expected_version=attachment.version
        )
