"""Uploaded files: each a document that describes it, and documents that hold its bytes in base64."""

import base64
import contextlib
from collections.abc import Iterator

from serving.errors import AlreadyExists, NotFound

from gateway.backends import RetrievalBackend
from gateway.domain.files import StoredFile
from gateway.domain.filters import Exists
from gateway.domain.retrieval import Collection, NewDocument, StoredDocument
from gateway.files.ids import FILE, check_id, created_at, missing, new_id

COLLECTION = "openai-files"
_PART_BYTES = 3 * 1024 * 1024  # in base64, the longest text that a document may have


class FileLibrary:
    """The files of the caller's tenant, over the retrieval port."""

    def __init__(self, retrieval: RetrievalBackend) -> None:
        self._retrieval = retrieval

    async def add(self, filename: str, media_type: str, purpose: str, data: bytes) -> StoredFile:
        """Store a file durably."""
        id = new_id(FILE)
        parts = list(_parts(id, data))
        told = {"purpose": purpose, "media_type": media_type, "bytes": len(data), "parts": len(parts)}
        documents = [NewDocument(id, filename, "", "", told), *parts]
        try:
            await self._retrieval.upsert_documents(COLLECTION, documents)
        except NotFound:
            await self._make()
            await self._retrieval.upsert_documents(COLLECTION, documents)
        return StoredFile(id, filename, purpose, media_type, len(data), created_at(id))

    async def get(self, id: str) -> StoredFile:
        """A file; raises NotFound."""
        return _file(await self._record(id))

    async def content(self, id: str) -> bytes:
        """A file's bytes; raises NotFound."""
        count = int((await self._record(id)).metadata["parts"])
        parts = [await self._document(id, _part_id(id, place)) for place in range(count)]
        return b"".join(base64.b64decode(part.text) for part in parts)

    async def all(self) -> list[StoredFile]:
        """All files, the oldest first."""
        listing = self._retrieval.list_documents(COLLECTION, Exists("purpose"))
        try:
            return [_file(document) async for document in listing]
        except NotFound:
            return []

    async def delete(self, id: str) -> None:
        """Delete a file; raises NotFound."""
        count = int((await self._record(id)).metadata["parts"])
        await self._retrieval.delete_documents(COLLECTION, [id, *(_part_id(id, n) for n in range(count))])

    async def _record(self, id: str) -> StoredDocument:
        return await self._document(id, check_id(FILE, id))

    async def _document(self, id: str, document_id: str) -> StoredDocument:
        try:
            return await self._retrieval.get_document(COLLECTION, document_id)
        except NotFound:
            raise missing(FILE, id) from None

    async def _make(self) -> None:
        with contextlib.suppress(AlreadyExists):  # somebody else was faster
            await self._retrieval.create_collection(Collection(COLLECTION, 1, ""))


def _parts(id: str, data: bytes) -> Iterator[NewDocument]:
    for place, first in enumerate(range(0, len(data), _PART_BYTES)):
        text = base64.b64encode(data[first : first + _PART_BYTES]).decode()
        yield NewDocument(_part_id(id, place), "", "", text, {"file": id})


def _part_id(id: str, place: int) -> str:
    return f"{id}/{place}"


def _file(document: StoredDocument) -> StoredFile:
    told = document.metadata
    return StoredFile(
        document.id,
        document.title,
        told["purpose"],
        told["media_type"],
        int(told["bytes"]),
        created_at(document.id),
    )
