"""A client that writes without a pause: streams, batches and deletions of documents that nobody else writes."""

import asyncio
import random

from quadrille_client import AsyncClient, OverloadedError

from benchmarks.crashes import content
from benchmarks.crashes.ledger import Ledger

COLLECTION = "ledger"
_STREAM, _BATCH, _DELETION = 150, 12, 4  # most documents of a call


class Writer:
    """Writes until it is stopped or the server is gone; adds to `wrong` what is wrong with answers."""

    def __init__(
        self,
        client: AsyncClient,
        ledger: Ledger,
        keys: list[str],
        source: random.Random,
        wrong: list[str],
    ) -> None:
        self._client, self._ledger, self._keys, self._source = client, ledger, keys, source
        self._wrong = wrong

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set; raises QuadrilleError when a call fails."""
        kinds = (self._stream, self._batch, self._delete)
        while not stop.is_set():
            [kind] = self._source.choices(kinds, (5, 3, 2))
            await kind()

    async def _stream(self) -> None:
        """Each document is a write of its own."""
        sent = self._next(_STREAM)
        documents = [content.document(key, generation) for key, generation in sent.items()]
        for key, generation in sent.items():
            self._ledger.send({key: generation})
        async for fate in self._client.documents.ingest(COLLECTION, documents):
            if hasattr(fate, "reason"):
                self._refused(fate.document_id, fate.reason)
            else:
                self._wrong += self._ledger.acknowledge(fate.document_id, fate.version, fate.lsn)

    async def _batch(self) -> None:
        """All or none."""
        sent = self._next(_BATCH)
        documents = [content.document(key, generation) for key, generation in sent.items()]
        self._ledger.send(sent)
        try:
            written = await self._client.documents.upsert(COLLECTION, documents)
        except OverloadedError:
            for key in sent:
                self._ledger.refuse(key)
            return
        for key, version in zip(sent, written.versions, strict=True):
            self._wrong += self._ledger.acknowledge(key, version, written.lsn)

    async def _delete(self) -> None:
        keys = list(self._next(_DELETION))
        there = [key for key in keys if self._ledger.state(key).generation is not None]
        self._ledger.send(dict.fromkeys(keys))
        count = await self._client.documents.delete(COLLECTION, ids=keys)
        if count != len(there):
            self._wrong.append(f"{count} of {len(there)} documents were deleted")
        for key in keys:
            self._wrong += self._ledger.acknowledge(key)

    def _next(self, most: int) -> dict[str, int]:
        free = self._ledger.free(self._keys)
        keys = self._source.sample(free, min(len(free), self._source.randint(1, most)))
        return {key: self._ledger.next_generation(key) for key in keys}

    def _refused(self, key: str, reason: str) -> None:
        self._ledger.refuse(key)
        if reason != "OVERLOADED":
            self._wrong.append(f"{key}: refused as {reason}")
