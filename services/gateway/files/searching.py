"""Searches of a vector store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from serving.errors import NotFound

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain.filters import Filter
from gateway.domain.retrieval import Hit, SearchMode, SearchRequest
from gateway.domain.text import EmbedRequest
from gateway.files.ids import VECTOR_STORE, check_id, missing
from gateway.rag.embedding import embedder_of
from gateway.rag.fields import renamed
from gateway.rag.retrieving import MAX_SEARCH_BYTES, beginning

_BEST_FUSED = 2 / 61  # of reciprocal rank fusion with k = 60: first by vectors and first by words
_FIELDS = {
    "query.filter": "filters",
    "query.text": "query",
    "query.top_k": "max_num_results",
    "inputs": "query",
}


@dataclass(frozen=True, slots=True)
class StoreSearch:
    """What is asked of a store. Scores below `least_score`, 0 to 1, are left out."""

    store_id: str
    queries: Sequence[str]
    top_k: int
    filter: Filter | None = None
    hybrid: bool = True
    least_score: float = 0.0


async def search_store(text: TextBackend, retrieval: RetrievalBackend, asked: StoreSearch) -> list[Hit]:
    """The best chunks over all queries, best first, with scores of 0 to 1.

    Hybrid searches score by ranks: 1 is first by vectors and by words alike. Others score by cosine similarity, where
    what is less than 0 counts as 0.
    """
    check_id(VECTOR_STORE, asked.store_id)
    try:
        stamp = (await retrieval.get_collection(asked.store_id)).embedding_model
    except NotFound:
        raise missing(VECTOR_STORE, asked.store_id) from None
    with renamed(_FIELDS):
        embedder = embedder_of(stamp, await text.list_models())
        embedded = await text.embed(EmbedRequest(embedder, tuple(asked.queries), truncate=True))
        search = SearchRequest(
            asked.store_id,
            SearchMode.HYBRID if asked.hybrid else SearchMode.DENSE,
            "",
            asked.top_k,
            embedding_model=embedded.model_stamp,
            filter=asked.filter,
        )
        found = await asyncio.gather(
            *(
                retrieval.search(
                    replace(
                        search, text=beginning(query, MAX_SEARCH_BYTES) if asked.hybrid else "", vector=vector
                    )
                )
                for query, vector in zip(asked.queries, embedded.vectors, strict=True)
            )
        )
    best: dict[str, Hit] = {}
    for hit in (hit for hits in found for hit in hits):
        score = min(1.0, hit.score / _BEST_FUSED) if asked.hybrid else max(0.0, min(1.0, hit.score))
        if score >= asked.least_score and (hit.chunk_id not in best or best[hit.chunk_id].score < score):
            best[hit.chunk_id] = replace(hit, score=score)
    return sorted(best.values(), key=lambda hit: -hit.score)[: asked.top_k]
