"""/v1/files."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.domain.files import StoredFile
from gateway.files.library import FileLibrary
from gateway.files.store_files import StoreFiles
from gateway.files.stores import VectorStores
from gateway.http import pages
from gateway.http.caller import unless_gone
from gateway.http.file_schemas import FileForm
from gateway.http.multipart import described, read_form
from gateway.http.pages import Asked, Cursor, Order
from gateway.rag.fields import renamed

_FIELDS = {"documents[0].title": "file", "documents": "file"}


def file_routes(library: FileLibrary, stores: VectorStores, files: StoreFiles) -> APIRouter:
    """The routes over the files of the caller's tenant."""
    router = APIRouter()

    @router.post("/v1/files", openapi_extra=described(FileForm, "file"))
    async def upload(request: Request) -> dict[str, Any]:
        """Store a file: its bytes, as they are."""
        form = await read_form(request)
        form.only("file")
        purpose, file = form.check(FileForm).purpose, form.file("file")
        with renamed(_FIELDS):
            work = library.add(file.filename, file.media_type, purpose, file.data)
            return _body(await unless_gone(request, work))

    @router.get("/v1/files")
    async def list_files(
        after: Cursor = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
        order: Order = "desc",
        purpose: str | None = None,
    ) -> dict[str, Any]:
        """List the files of the tenant."""
        found = [file for file in await library.all() if purpose in (None, file.purpose)]
        chosen, more = pages.page(found, lambda file: file.id, Asked(limit, order, after))
        return pages.body([_body(file) for file in chosen], more)

    @router.get("/v1/files/{file_id}")
    async def get_file(file_id: str) -> dict[str, Any]:
        """Tell of one file."""
        return _body(await library.get(file_id))

    @router.get("/v1/files/{file_id}/content", response_class=Response)
    async def content(file_id: str) -> Response:
        """The bytes of a file, as they were uploaded."""
        # What was uploaded must not run in a browser that opens it.
        headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
        return Response(
            await library.content(file_id), media_type="application/octet-stream", headers=headers
        )

    @router.delete("/v1/files/{file_id}")
    async def delete(file_id: str) -> dict[str, Any]:
        """Delete a file, and take it out of all vector stores."""
        await library.get(file_id)
        for store_id in await stores.all_ids():
            await files.forget(store_id, file_id)
        await library.delete(file_id)  # last, so that what was interrupted can be asked for again
        return {"id": file_id, "object": "file", "deleted": True}

    return router


def _body(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": file.created_at,
        "expires_at": None,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }
