"""What is measured: a text service that embeds, and a store, each asked through gRPC."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from quadrille_client import AsyncClient, Document
from quadrille_client.types.retrieval import Hit, IngestRefusal, SearchMode

AT_ONCE = 16
EMBEDDED_AT_ONCE = 64


class Bench:
    """A text service that embeds and a store, and clients of both."""

    def __init__(self, text: AsyncClient, store: AsyncClient) -> None:
        self._text = text
        self._store = store
        self._questions: dict[str, Sequence[float]] = {}

    async def fill(self, collection: str, documents: Sequence[Document]) -> None:
        """Store documents, whose chunks have no vectors yet, in a new collection."""
        vectors = iter(await self._embed([chunk.text for item in documents for chunk in item.chunks]))
        filled = [
            replace(item, chunks=[replace(chunk, vector=next(vectors)) for chunk in item.chunks])
            for item in documents
        ]
        await self._store.collections.create(collection, len(filled[0].chunks[0].vector))
        async for event in self._store.documents.ingest(collection, filled):
            if isinstance(event, IngestRefusal):
                raise RuntimeError(f"{event.document_id} was refused: {event.description}")

    async def ask(
        self, collection: str, questions: Sequence[str], mode: SearchMode, depth: int
    ) -> list[Sequence[Hit]]:
        """The hits of each question, best first."""
        missing = [question for question in questions if question not in self._questions]
        self._questions.update(zip(missing, await self._embed(missing), strict=True))
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(question: str) -> Sequence[Hit]:
            vector = () if mode == "lexical" else self._questions[question]
            async with turns:
                found = await self._store.search(collection, question, vector=vector, mode=mode, top_k=depth)
            return found.hits

        return await asyncio.gather(*map(one, questions))

    async def _embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        vectors: list[Sequence[float]] = []
        for first in range(0, len(texts), EMBEDDED_AT_ONCE):
            batch = list(texts[first : first + EMBEDDED_AT_ONCE])
            vectors += (await self._text.embed(batch, truncate=True)).vectors
        return vectors
