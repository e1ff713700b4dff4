"""Finds chunks in one or several collections: embed, search, take turns, rerank."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain.ask import AskRequest
from gateway.domain.retrieval import Collection, Hit, SearchMode, SearchRequest
from gateway.domain.text import EmbedRequest, EmbedResult
from gateway.rag.candidates import Candidate, in_turns
from gateway.rag.embedding import embedder_of
from gateway.rag.fields import renamed
from gateway.rag.spending import Spending

MAX_SEARCH_BYTES = (
    4096  # of a query's words, in the store's contract; a longer question is searched by its beginning
)
_SEARCH_FIELDS = {
    "query.filter": "filter",
    "query.text": "question",
    "query.top_k": "top_k",
    "query.mode": "mode",
    "query.mmr": "mmr",
}
_RERANK_FIELDS = {"query": "question", "model": "rerank.model"}


class Retriever:
    """Searches over the text and retrieval ports."""

    def __init__(self, text: TextBackend, retrieval: RetrievalBackend) -> None:
        self._text = text
        self._retrieval = retrieval

    async def find(self, request: AskRequest, query: str, spending: Spending) -> list[Candidate]:
        """Chunks for a query, best first: those to choose `top_k` from.

        Raises NotFound for a collection that there is none of, as far as this caller may know.
        """
        embedded = await self._embedded(request, query, spending)
        depth = request.rerank.depth if request.rerank else request.top_k
        with spending.timed("search"):
            searches = [
                SearchRequest(
                    collection=name,
                    mode=request.mode,
                    text=beginning(query, MAX_SEARCH_BYTES),
                    top_k=depth,
                    vector=made.vectors[0] if made else (),
                    embedding_model=made.model_stamp if made else "",
                    filter=request.filter,
                    min_lsn=request.min_lsn,
                    mmr=request.mmr,
                )
                for name, made in zip(request.collections, embedded, strict=True)
            ]
            hits = await asyncio.gather(*map(self._search, searches))
            candidates = in_turns(request.collections, hits)
            return await self._reranked(request, query, candidates[:depth], spending)

    async def _embedded(
        self, request: AskRequest, query: str, spending: Spending
    ) -> Sequence[EmbedResult | None]:
        """The query as each collection's model embeds it, by one pass a model; None for searches by words."""
        if request.mode is SearchMode.LEXICAL:
            return [None] * len(request.collections)
        with spending.timed("embed"):
            models = await self._text.list_models()
            found = await asyncio.gather(
                *(self._collection(request, place) for place in range(len(request.collections)))
            )
            names = [embedder_of(each.embedding_model, models) for each in found]
            distinct = list(dict.fromkeys(names))
            results = await asyncio.gather(
                *(self._text.embed(EmbedRequest(name, (query,), truncate=True)) for name in distinct)
            )
        for result in results:
            spending.add_joules(result.energy_joules)
        made = dict(zip(distinct, results, strict=True))
        return [made[name] for name in names]

    async def _collection(self, request: AskRequest, place: int) -> Collection:
        several = len(request.collections) > 1
        with renamed({"name": f"collections[{place}]" if several else "collection"}):
            return await self._retrieval.get_collection(request.collections[place])

    async def _search(self, search: SearchRequest) -> Sequence[Hit]:
        with renamed(_SEARCH_FIELDS):
            return await self._retrieval.search(search)

    async def _reranked(
        self, request: AskRequest, query: str, candidates: list[Candidate], spending: Spending
    ) -> list[Candidate]:
        if request.rerank is None or not candidates:
            return candidates
        with spending.timed("rerank"), renamed(_RERANK_FIELDS):
            judged = await self._text.rerank(
                request.rerank.model, query, [candidate.hit.text for candidate in candidates]
            )
        spending.add_joules(judged.energy_joules)
        scored = [
            replace(candidate, rerank_score=score)
            for candidate, score in zip(candidates, judged.scores, strict=True)
        ]
        # Stable: ties stay as they were found.
        return sorted(scored, key=lambda candidate: -(candidate.rerank_score or 0.0))


def beginning(text: str, most_bytes: int) -> str:
    """The text, as much of it as so many bytes of UTF-8 hold."""
    return text.encode()[:most_bytes].decode(errors="ignore")
