"""GET /api/collections, POST /api/ingest and POST /api/search: what the page does with documents."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.backends import RetrievalBackend, TextBackend
from gateway.convert.rag_json import file_from_upload, hits_to_json, ingest_event_to_json, start_from_query
from gateway.domain.ingest import File
from gateway.domain.retrieval import SearchMode, SearchRequest
from gateway.domain.text import EmbedRequest
from gateway.http.caller import unless_gone
from gateway.http.schemas import Text
from gateway.rag.embedding import embedder_of
from gateway.rag.ingest import Ingester

Name = Annotated[Text, Query(min_length=1, max_length=512)]


class SearchBody(BaseModel):
    """What to look for, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collection: Text
    text: Text = Field(min_length=1)
    mode: SearchMode = SearchMode.HYBRID
    top_k: int = Field(10, ge=1, le=100)


def document_routes(text: TextBackend, retrieval: RetrievalBackend, ingester: Ingester) -> APIRouter:
    """The routes over the text and retrieval ports and an ingester."""
    router = APIRouter()

    @router.get("/api/collections")
    async def list_collections() -> dict[str, Any]:
        found = await retrieval.list_collections()
        return {
            "collections": [
                {"name": item.name, "documents": item.document_count, "chunks": item.chunk_count}
                for item in found
            ]
        }

    @router.post("/api/ingest")
    async def ingest(request: Request, collection: Name, name: Name) -> dict[str, Any]:
        """Store one file, sent as it is; its kind is told by its name."""
        file = file_from_upload(name, await request.body())
        return await unless_gone(request, _stored(ingester, collection, file))

    @router.post("/api/search")
    async def search(request: Request, body: SearchBody) -> dict[str, Any]:
        hits = await unless_gone(request, _found(body))
        return {"hits": hits_to_json(hits)}

    async def _found(body: SearchBody) -> Any:
        asked = SearchRequest(body.collection, body.mode, body.text, body.top_k)
        if body.mode is not SearchMode.LEXICAL:
            stamp = (await retrieval.get_collection(body.collection)).embedding_model
            embedder = embedder_of(stamp, await text.list_models())
            embedded = await text.embed(EmbedRequest(embedder, (body.text,), truncate=True))
            asked = replace(asked, vector=embedded.vectors[0], embedding_model=embedded.model_stamp)
        return await retrieval.search(asked)

    return router


async def _stored(ingester: Ingester, collection: str, file: File) -> dict[str, Any]:
    """What became of the file."""
    async with aclosing(ingester.ingest(start_from_query(collection), _only(file))) as events:
        async for event in events:
            outcome, fields = ingest_event_to_json(event)
            return {"outcome": outcome, **fields}
    raise AssertionError("an ingest tells what became of each file")


async def _only(file: File) -> AsyncIterator[File]:
    yield file
