"""Checking, mending, copying and measuring the store, on behalf of administrators."""

import asyncio

from retrieval import validation
from retrieval.domain import Collection
from retrieval.engine import Engine
from retrieval.limits import MAX_FINDINGS
from retrieval.reports import Compaction, Finding, SnapshotInfo, Stats, Totals, Verification
from retrieval.store.reader import Reader


class Maintenance:
    """What AdminService does; an empty collection name stands for all collections of all tenants."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def verify(self, tenant: str, name: str) -> Verification:
        """Compare the database with itself and with the vector indexes; changes nothing."""
        store, indexes = self._engine.store, self._engine.indexes
        collections = await self._named(tenant, name)
        findings = await asyncio.wrap_future(store.verify(collections))

        def compare(reader: Reader) -> tuple[list[Finding], int]:
            known = {collection.id: collection for collection in reader.collections(None)}
            alive = [known[collection.id] for collection in collections if collection.id in known]
            found = [finding for collection in alive for finding in indexes.verify(collection, reader)]
            return found, sum(collection.chunk_count for collection in alive)

        found, checked = await asyncio.wrap_future(store.between_writes(compare))
        # Every byte of the segments is read, so writes go on meanwhile.
        damaged = await self._engine.in_thread(
            lambda: [finding for collection in collections for finding in indexes.verify_files(collection)]
        )
        return Verification((findings + found + damaged)[:MAX_FINDINGS], checked)

    async def repair(self, tenant: str, name: str) -> int:
        """Rebuild what is derived; returns the number of chunks concerned."""
        store, indexes = self._engine.store, self._engine.indexes
        collections = await self._named(tenant, name)
        await asyncio.wrap_future(store.rebuild(collections))

        def rebuild(reader: Reader) -> int:
            wanted = {collection.id for collection in collections}
            alive = [collection for collection in reader.collections(None) if collection.id in wanted]
            for collection in alive:
                indexes.rebuild(collection, reader)
            return sum(collection.chunk_count for collection in alive)

        return await asyncio.wrap_future(store.between_writes(rebuild))

    async def snapshot(self, name: str) -> SnapshotInfo:
        """Write a copy while serving."""
        validation.check_name(name, "name")
        store = self._engine.store
        return await self._engine.in_thread(lambda: store.snapshot(name))

    async def restore(self, name: str) -> Totals:
        """Replace the store by a copy."""
        validation.check_name(name, "name")
        return await asyncio.wrap_future(self._engine.store.restore(name))

    async def compact(self) -> Compaction:
        """Give the space of deleted content back to the file system."""
        return await asyncio.wrap_future(self._engine.store.compact())

    async def stats(self) -> Stats:
        """Measure the store."""
        return await self._engine.in_thread(self._engine.measure)

    async def _named(self, tenant: str, name: str) -> list[Collection]:
        if name:
            return [await self._engine.get_collection(tenant, name, "collection")]
        return await self._engine.read(lambda reader: reader.collections(None))
