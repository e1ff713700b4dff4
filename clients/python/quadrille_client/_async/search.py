"""Search, and the second look at what it found."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Unpack

from quadrille.retrieval.v1 import search_pb2, search_pb2_grpc

from quadrille_client._async.text import AsyncTextCalls
from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import retrieval as convert
from quadrille_client.types import retrieval as types

Scores = Sequence[float]
Rerank = Callable[[str, Sequence[str]], Awaitable[Scores]]

_DEFAULT_TOP_K = 10
_MOST_QUERIES = 256  # of a call


class AsyncSearchCalls(AsyncTextCalls):
    """Search: mixed into the client."""

    _transport: AsyncTransport

    async def search(
        self,
        collection: str,
        text: str = "",
        *,
        vector: Sequence[float] = (),
        mode: types.SearchMode | None = None,
        min_lsn: int | None = None,
        explain: bool = False,
        embedding_model: str = "",
        stamp: str = "",
        rerank: str | Rerank | None = None,
        rerank_depth: int = 50,
        **options: Unpack[types.SearchOptions],
    ) -> types.SearchResult:
        """Find chunks. Unless the mode is lexical, a text without a vector is embedded at this address.

        `embedding_model` names the model that does it; `stamp` is that of the model that made `vector`.
        `rerank` orders the best `rerank_depth` chunks anew before they are cut to `top_k`: by the model of this
        id ("" for the default), or by a function that scores passages for the text, higher being better; raises
        ValueError when it gives more or fewer scores than it was given passages.
        """
        if text and not vector and mode != "lexical":
            embedded = await self.embed(text, model=embedding_model)
            vector, stamp = embedded.vectors[0], embedded.model_stamp
        wanted = options.get("top_k")
        top_k = _DEFAULT_TOP_K if wanted is None else wanted
        if rerank is not None:
            if not text or top_k < 1 or options.get("group_size") is not None:
                raise ValueError(
                    "rerank needs a text and a top_k of 1 or more, and does not go with group_size"
                )
            if (parts := options.get("parts")) and "passage" not in parts:
                raise ValueError("rerank reads passages: they must be among the parts")
            options["top_k"] = max(top_k, rerank_depth)
        query = convert.query(vector, text, mode, options)
        request = search_pb2.SearchRequest(
            collection=collection, query=query, min_lsn=min_lsn, explain=explain, embedding_model=stamp
        )
        stub: Any = search_pb2_grpc.SearchServiceStub(self._transport.channel)
        found = convert.result(await self._transport.unary(stub.Search, request))
        if rerank is None or not found.hits:
            return found
        passages = [hit.text for hit in found.hits]
        if isinstance(rerank, str):
            places = await self.rerank(text, passages, model=rerank)
            scores: dict[int, float] = {place.index: place.score for place in places}
        else:
            judged = await rerank(text, passages)
            if len(judged) != len(passages):
                raise ValueError(f"rerank gave {len(judged)} scores of {len(passages)} passages")
            scores = dict(enumerate(judged))
        order = sorted(scores, key=lambda place: -scores[place])  # stable: ties stay as they were found
        hits = tuple(replace(found.hits[place], rerank_score=scores[place]) for place in order[:top_k])
        return replace(found, hits=hits)

    async def search_many(
        self,
        collection: str,
        texts: Sequence[str] = (),
        *,
        vectors: Sequence[Sequence[float]] = (),
        mode: types.SearchMode | None = None,
        min_lsn: int | None = None,
        explain: bool = False,
        embedding_model: str = "",
        stamp: str = "",
        **options: Unpack[types.SearchOptions],
    ) -> tuple[types.SearchResult, ...]:
        """Answers to many queries, in their order, each as `search` would give it; 256 a call.

        Queries are of texts, of vectors, or of both, text by vector; raises ValueError when there are more of one, and
        TypeError for a single text. What is told besides goes for all of them.
        """
        if isinstance(texts, str):
            raise TypeError("texts are a sequence of texts: one alone is what search is for")
        stub: Any = search_pb2_grpc.SearchServiceStub(self._transport.channel)
        count = len(texts) or len(vectors)
        if len(texts) and len(vectors) and len(texts) != len(vectors):
            raise ValueError(f"{len(texts)} texts do not go with {len(vectors)} vectors")
        found: list[types.SearchResult] = []
        for start in range(0, count, _MOST_QUERIES):
            some = slice(start, min(start + _MOST_QUERIES, count))
            words = texts[some] or [""] * (some.stop - start)
            points = vectors[some] if len(vectors) else [()] * len(words)
            if texts and not len(vectors) and mode != "lexical":
                embedded = await self.embed(words, model=embedding_model)
                points, stamp = embedded.vectors, embedded.model_stamp
            pairs = zip(points, words, strict=True)
            request = search_pb2.BatchSearchRequest(
                collection=collection,
                queries=[convert.query(vector, text, mode, options) for vector, text in pairs],
                min_lsn=min_lsn,
                explain=explain,
                embedding_model=stamp,
            )
            response = await self._transport.unary(stub.BatchSearch, request)
            found += [convert.result(answer) for answer in response.responses]
        return tuple(found)
