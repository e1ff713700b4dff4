"""A server that may not write more: writes are refused, reads go on, and writes are taken when there is space again."""

import asyncio
import random
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quadrille_client import AsyncClient, OverloadedError

from benchmarks.crashes import content
from benchmarks.crashes.checks import check
from benchmarks.crashes.ledger import Ledger
from benchmarks.crashes.server import Server
from benchmarks.crashes.traffic import COLLECTION, Writer

KEYS = [f"k{number}" for number in range(60)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    yield server
    await server.kill()


def limit_files(server: Server, size: int) -> None:
    """Let no file of the process grow beyond `size` bytes: what a full disk does, without a disk to fill."""
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))


async def write_until_refused(client: AsyncClient, ledger: Ledger) -> OverloadedError:
    for key in KEYS:
        generation = ledger.next_generation(key)
        ledger.send({key: generation})
        document = content.document(key, generation)
        try:
            written = await client.documents.upsert(COLLECTION, [document])
        except OverloadedError as error:
            ledger.refuse(key)
            return error
        assert ledger.acknowledge(key, written.versions[0], written.lsn) == []
    raise AssertionError("nothing was refused")


async def test_reads_go_on_and_writes_come_back(server: Server) -> None:
    ledger, source, wrong = Ledger(), random.Random(0), list[str]()
    address = await server.start()
    assert address is not None, server.said()
    async with AsyncClient(address, max_retries=0) as client:
        await client.collections.create(COLLECTION, content.DIMENSION, metric="l2")
        for room in (100_000, 20_000):
            log = server.data / "store.sqlite3-wal"
            limit_files(server, log.stat().st_size + room)
            for _ in range(3):
                refused = await write_until_refused(client, ledger)
                assert "disk is full" in str(refused)
                assert refused.retry_after_s is not None
            ledger, findings = await check(client, [ledger], source)
            assert findings.wrong == []
            limit_files(server, resource.RLIM_INFINITY)
            stop = asyncio.Event()
            writing = asyncio.create_task(Writer(client, ledger, KEYS, source, wrong).run(stop))
            await asyncio.sleep(0.2)
            stop.set()
            await writing
    await server.kill()
    address = await server.start()
    assert address is not None, server.said()
    async with AsyncClient(address, max_retries=0) as client:
        ledger, findings = await check(client, [ledger], source)
    assert findings.wrong + wrong == []
    assert await server.stop() == 0


async def test_a_server_starts_on_a_full_disk_and_serves_what_it_has(server: Server) -> None:
    ledger, source = Ledger(), random.Random(0)
    address = await server.start()
    assert address is not None, server.said()
    async with AsyncClient(address, max_retries=0) as client:
        await client.collections.create(COLLECTION, content.DIMENSION, metric="l2")
        limit_files(server, (server.data / "store.sqlite3-wal").stat().st_size + 100_000)
        await write_until_refused(client, ledger)
    await server.kill()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # inherited; the log is larger
    try:
        address = await server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert address is not None, server.said()
    async with AsyncClient(address, max_retries=0) as client:
        ledger, findings = await check(client, [ledger], source)
        assert findings.wrong == []
        await write_until_refused(client, ledger)
        limit_files(server, resource.RLIM_INFINITY)
        await client.documents.upsert(COLLECTION, [content.document("k0", 10**6)])
