"""/v1/vector_stores: the stores themselves, and searches of them."""

import contextlib
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from serving.errors import NotFound

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain.files import ToAttach
from gateway.files.searching import StoreSearch, search_store
from gateway.files.store_files import StoreFiles
from gateway.files.stores import VectorStores
from gateway.http import pages
from gateway.http.attribute_filters import filter_of
from gateway.http.caller import unless_gone
from gateway.http.file_schemas import SearchBody, StoreBody, StoreChange
from gateway.http.pages import AskedPage
from gateway.http.vector_store_answers import chunking_of, result_body, store_body
from gateway.rag.fields import renamed


def vector_store_routes(
    stores: VectorStores, files: StoreFiles, text: TextBackend, retrieval: RetrievalBackend
) -> APIRouter:
    """The routes over the vector stores of the caller's tenant."""
    router = APIRouter()

    @router.post("/v1/vector_stores")
    async def create(body: StoreBody) -> dict[str, Any]:
        """Make a vector store, with files to begin with."""
        chunking = chunking_of(body.chunking_strategy)
        with renamed({"model": "embedding_model"}):
            store = await stores.create(
                body.name, body.description, dict(body.metadata or {}), body.embedding_model
            )
        to_attach = [ToAttach(file_id, chunking) for file_id in body.file_ids]
        try:
            return store_body(store, await files.attach(store.id, to_attach) if to_attach else [])
        except Exception:
            await stores.delete(store.id)
            raise

    @router.get("/v1/vector_stores")
    async def list_stores(asked: AskedPage) -> dict[str, Any]:
        """List the vector stores of the tenant."""
        chosen, more = pages.page(await stores.all_ids(), str, asked)
        found = []
        for id in chosen:
            with contextlib.suppress(NotFound):  # being made, or deleted just now
                found.append(await described(id))
        return pages.body(found, more)

    @router.get("/v1/vector_stores/{store_id}")
    async def get_store(store_id: str) -> dict[str, Any]:
        """Tell of one vector store, and how far its files are."""
        return await described(store_id)

    @router.post("/v1/vector_stores/{store_id}")
    async def update(store_id: str, body: StoreChange) -> dict[str, Any]:
        """Rename a vector store, or replace its metadata."""
        store = await stores.get(store_id)
        changes = body.model_dump(exclude_unset=True)
        name, metadata = changes.get("name", store.name), changes.get("metadata", store.metadata)
        await stores.write(replace(store, name=name or "", metadata=metadata or {}))
        return await described(store_id)

    @router.delete("/v1/vector_stores/{store_id}")
    async def delete(store_id: str) -> dict[str, Any]:
        """Delete a vector store; its files stay."""
        await stores.delete(store_id)
        return {"id": store_id, "object": "vector_store.deleted", "deleted": True}

    @router.post("/v1/vector_stores/{store_id}/search")
    async def search(request: Request, store_id: str, body: SearchBody) -> dict[str, Any]:
        """Search a vector store by meaning and words."""
        asked = StoreSearch(
            store_id,
            body.query,
            body.max_num_results,
            None if body.filters is None else filter_of(body.filters),
            hybrid=body.ranking_options.ranker != "none",
            least_score=body.ranking_options.score_threshold,
        )
        hits = await unless_gone(request, search_store(text, retrieval, asked))
        return {
            "object": "vector_store.search_results.page",
            "search_query": body.query,
            "data": [result_body(hit) for hit in hits],
            "has_more": False,
            "next_page": None,
        }

    async def described(store_id: str) -> dict[str, Any]:
        return store_body(await stores.get(store_id), await files.all(store_id))

    return router
