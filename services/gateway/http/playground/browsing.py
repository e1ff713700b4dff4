"""GET and DELETE /api/documents: what a collection holds, page by page, and one document less."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from serving.errors import NotFound

from gateway.backends import RetrievalBackend
from gateway.http.schemas import Text

Name = Annotated[Text, Query(min_length=1, max_length=512)]


def browsing_routes(retrieval: RetrievalBackend) -> APIRouter:
    """The routes over the retrieval port."""
    router = APIRouter()

    @router.get("/api/documents")
    async def list_documents(
        collection: Name,
        page_size: Annotated[int, Query(ge=1, le=100)] = 50,
        page_token: Annotated[Text, Query(max_length=2048)] = "",
    ) -> dict[str, Any]:
        page = await retrieval.page_of_documents(collection, page_size, page_token)
        documents = [
            {"id": item.id, "title": item.title, "chunks": item.chunk_count, "bytes": item.text_bytes}
            for item in page.documents
        ]
        return {"documents": documents, "next_page_token": page.next_token}

    @router.delete("/api/documents")
    async def delete_document(collection: Name, id: Name) -> dict[str, Any]:
        if not await retrieval.delete_documents(collection, [id]):
            raise NotFound("document", id)
        return {"deleted": id}

    return router
