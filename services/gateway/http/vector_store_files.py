"""/v1/vector_stores/{id}/files and /file_batches."""

from typing import Any

from fastapi import APIRouter, Response
from serving.errors import InvalidInput

from gateway.domain.files import Attachment, AttachmentStatus, ToAttach
from gateway.files.store_files import StoreFiles
from gateway.http import pages
from gateway.http.file_schemas import AttachBody, AttributesBody, BatchBody
from gateway.http.pages import Asked, AskedPage
from gateway.http.vector_store_answers import batch_body, chunking_of, file_body

_STORE = "/v1/vector_stores/{store_id}"
_BATCH = _STORE + "/file_batches/{batch_id}"
_POLL_AFTER_MS = "250"  # OpenAI's clients poll once a second unless told otherwise


def vector_store_file_routes(files: StoreFiles) -> APIRouter:
    """The routes over the files of the stores of the caller's tenant."""
    router = APIRouter()

    @router.post(_STORE + "/files")
    async def attach(store_id: str, body: AttachBody, response: Response) -> dict[str, Any]:
        """Attach a file; it is read soon."""
        (attached,) = await files.attach(store_id, [_to_attach(body)])
        _tell_to_poll(response)
        return file_body(store_id, attached)

    @router.get(_STORE + "/files")
    async def list_files(
        store_id: str, asked: AskedPage, filter: AttachmentStatus | None = None
    ) -> dict[str, Any]:
        """List the files of a vector store."""
        return _page(store_id, await files.all(store_id, status=filter), asked)

    @router.get(_STORE + "/files/{file_id}")
    async def get_file(store_id: str, file_id: str, response: Response) -> dict[str, Any]:
        """Tell of one file of a vector store."""
        _tell_to_poll(response)
        return file_body(store_id, await files.get(store_id, file_id))

    @router.get(_STORE + "/files/{file_id}/content")
    async def content(store_id: str, file_id: str) -> dict[str, Any]:
        """The text that was read of a file."""
        text = await files.text(store_id, file_id)
        data = [{"type": "text", "text": text}] if text else []
        return {
            "object": "vector_store.file_content.page",
            "data": data,
            "has_more": False,
            "next_page": None,
        }

    @router.post(_STORE + "/files/{file_id}")
    async def update(store_id: str, file_id: str, body: AttributesBody) -> dict[str, Any]:
        """Replace a file's attributes."""
        return file_body(store_id, await files.update(store_id, file_id, dict(body.attributes or {})))

    @router.delete(_STORE + "/files/{file_id}")
    async def detach(store_id: str, file_id: str) -> dict[str, Any]:
        """Take a file out of a vector store; the file itself stays."""
        await files.detach(store_id, file_id)
        return {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}

    @router.post(_STORE + "/file_batches")
    async def create_batch(store_id: str, body: BatchBody, response: Response) -> dict[str, Any]:
        """Attach many files at once."""
        batch_id, attached = await files.attach_batch(store_id, _all_to_attach(body))
        _tell_to_poll(response)
        return batch_body(store_id, batch_id, attached)

    @router.get(_BATCH)
    async def get_batch(store_id: str, batch_id: str, response: Response) -> dict[str, Any]:
        """Tell how far the files of a batch are."""
        _tell_to_poll(response)
        return batch_body(store_id, batch_id, await files.batch(store_id, batch_id))

    @router.post(_BATCH + "/cancel")
    async def cancel(store_id: str, batch_id: str) -> dict[str, Any]:
        """Leave aside what is not done of a batch."""
        return batch_body(store_id, batch_id, await files.cancel(store_id, batch_id))

    @router.get(_BATCH + "/files")
    async def list_batch(
        store_id: str, batch_id: str, asked: AskedPage, filter: AttachmentStatus | None = None
    ) -> dict[str, Any]:
        """List the files of a batch."""
        found = await files.batch(store_id, batch_id)
        found = [item for item in found if filter in (None, item.status)]
        return _page(store_id, found, asked)

    return router


def _page(store_id: str, found: list[Attachment], asked: Asked) -> dict[str, Any]:
    found.sort(key=lambda item: (item.attached_at, item.file_id))
    chosen, more = pages.page(found, lambda item: item.file_id, asked)
    return pages.body([file_body(store_id, item) for item in chosen], more)


def _to_attach(body: AttachBody) -> ToAttach:
    return ToAttach(body.file_id, chunking_of(body.chunking_strategy), dict(body.attributes or {}))


def _all_to_attach(body: BatchBody) -> list[ToAttach]:
    if (body.file_ids is None) == (body.files is None):
        raise InvalidInput("file_ids", "must be set, or files, and not both")
    if body.files is not None:
        if body.attributes is not None or body.chunking_strategy is not None:
            raise InvalidInput("attributes", "must be set for each of the files")
        found = [_to_attach(item) for item in body.files]
    else:
        chunking, attributes = chunking_of(body.chunking_strategy), dict(body.attributes or {})
        found = [ToAttach(file_id, chunking, attributes) for file_id in body.file_ids or ()]
    if not found:
        raise InvalidInput("file_ids", "must not be empty")
    return found


def _tell_to_poll(response: Response) -> None:
    response.headers["openai-poll-after-ms"] = _POLL_AFTER_MS
