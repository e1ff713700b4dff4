"""One kill after the other on the same store."""

import asyncio
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path

from quadrille_client import AsyncClient, NotFoundError, QuadrilleError
from retrieval.failpoints import NAMES

from benchmarks.crashes import content
from benchmarks.crashes.checks import Findings, check
from benchmarks.crashes.ledger import Ledger
from benchmarks.crashes.plan import Action, Kill, kills
from benchmarks.crashes.server import Server
from benchmarks.crashes.traffic import COLLECTION, Writer

_REACH_S = 20.0  # for a failpoint; then it is killed all the same
_TOO_MANY = 20  # problems to go on after
# Small, so that segments are built, merged and built anew all the time.
_SEAL_AT, _QUIET_S = 64, 0.05
_GRAPH = {"m": 8, "ef_construction": 32, "ef_search": 64}


class Run:
    """Clients that write, a server that is killed, the ledger between them."""

    def __init__(self, folder: Path, *, writers: int, keys: int, longest_s: float, seed: int) -> None:
        self.wrong: list[str] = []
        self.ledger = Ledger()
        self.killed: Counter[str] = Counter()  # by failpoint, or "" for moments
        self.missed: Counter[str] = Counter()  # failpoints that were not reached in time
        self.start_seconds: list[float] = []
        self.recall = Findings()
        self._source = random.Random(seed)
        self._longest_s = longest_s
        self._keys = [[f"w{writer}k{number}" for number in range(keys)] for writer in range(writers)]
        self._server = Server(folder, seal_at=_SEAL_AT, quiet_s=_QUIET_S)
        self._older: list[Ledger] = []  # what a restore that was killed may have brought back
        self._snapshots = 0

    async def run(self, count: int) -> None:
        """Kill so many times, then end in peace and look once more. Stops early when much is wrong."""
        try:
            for number, kill in enumerate(kills(NAMES, count, self._longest_s, self._source), 1):
                await self._cycle(kill)
                if number % 50 == 0:
                    print(f"{number} kills, {self.ledger.acknowledged_count} writes", file=sys.stderr)
                if len(self.wrong) > _TOO_MANY:
                    return
            for _ in range(2):  # after the last kill, and after a clean end
                await self._peaceful()
        finally:
            await self._server.kill()

    async def _cycle(self, kill: Kill) -> None:
        shutil.rmtree(self._server.data / "snapshots", ignore_errors=True)
        begun = time.perf_counter()
        starting = asyncio.create_task(self._server.start(*filter(None, [kill.failpoint])))
        if kill.early:
            await asyncio.wait([starting], timeout=kill.after_s)
            if not starting.done():
                await self._server.kill()
        address = await starting
        if address is not None:
            if not kill.failpoint:
                self.start_seconds.append(time.perf_counter() - begun)
            async with AsyncClient(address, max_retries=0) as client:
                try:
                    await self._look(client)
                    await self._load(client, kill)
                except QuadrilleError as error:
                    await self._expect_end(error)
        await self._note(kill)

    async def _peaceful(self) -> None:
        address = await self._server.start()
        assert address is not None, self._server.said()
        async with AsyncClient(address, max_retries=0) as client:
            await self._look(client)
        if status := await self._server.stop():
            self.wrong.append(f"SIGTERM ended the server with status {status}")

    async def _look(self, client: AsyncClient) -> None:
        """Check what is there, if the first kills left anything to check."""
        try:
            await client.collections.get(COLLECTION)
        except NotFoundError:
            if self.ledger.alive():
                self.wrong.append("the collection is gone")
            await client.collections.create(
                COLLECTION, content.DIMENSION, metric="l2", index="hnsw", index_options=_GRAPH
            )
        self.ledger, findings = await check(client, [self.ledger, *self._older], self._source)
        self._older = []
        self.wrong += findings.wrong
        self.recall.hits += findings.hits
        self.recall.wanted += findings.wanted

    async def _load(self, client: AsyncClient, kill: Kill) -> None:
        """Write, and do what brings the server to its end."""
        if kill.action == "restore":
            doing = [asyncio.create_task(self._until_killed(await self._restoring(client, kill.after_s)))]
        else:
            stop = asyncio.Event()
            doing = [
                asyncio.create_task(self._until_killed(writer.run(stop))) for writer in self._writers(client)
            ]
            if kill.action != "write":
                doing.append(asyncio.create_task(self._until_killed(self._administer(client, kill))))
        if not await self._server.ended(_REACH_S if kill.failpoint else kill.after_s):
            self.missed[kill.failpoint.partition("=")[0]] += bool(kill.failpoint)
            await self._server.kill()
        await asyncio.gather(*doing)

    async def _restoring(self, client: AsyncClient, seconds: float) -> Coroutine[object, object, None]:
        """Write, copy, write; returns what restores the copy. Killed in it, a server has the one or the other."""
        await self._write(client, seconds or 0.3)
        older, name = self.ledger.copy(), self._name()
        await client.admin.snapshot(name)
        await self._write(client, 0.2)
        self._older = [older]

        async def restore() -> None:
            await client.admin.restore(name)
            self.ledger, self._older = older, []

        return restore()

    async def _write(self, client: AsyncClient, seconds: float) -> None:
        """Write for a while, and wait for all answers."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(writer.run(stop)) for writer in self._writers(client)]
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.gather(*tasks)

    def _writers(self, client: AsyncClient) -> list[Writer]:
        return [
            Writer(client, self.ledger, keys, random.Random(self._source.random()), self.wrong)
            for keys in self._keys
        ]

    async def _administer(self, client: AsyncClient, kill: Kill) -> None:
        """Do the kill's action once, at any moment, or until it comes to its failpoint."""
        await asyncio.sleep(self._source.uniform(0, kill.after_s))
        while True:
            await self._act(client, kill.action)
            if not kill.failpoint:
                return

    async def _act(self, client: AsyncClient, action: Action) -> None:
        if action == "snapshot":
            await client.admin.snapshot(self._name())
        elif action == "compact":
            await client.admin.compact()
        elif action == "repair":
            await client.admin.repair()

    def _name(self) -> str:
        self._snapshots += 1
        return f"s{self._snapshots}"

    async def _until_killed(self, call: Coroutine[object, object, object]) -> None:
        try:
            await call
        except QuadrilleError as error:
            await self._expect_end(error)

    async def _expect_end(self, error: QuadrilleError) -> None:
        """A call may fail because the server was killed, and for no other reason."""
        if not await self._server.ended(2.0):
            self.wrong.append(f"{error!r} from a server that lives")
            await self._server.kill()

    async def _note(self, kill: Kill) -> None:
        if not await self._server.ended(10.0):
            await self._server.kill()
        if self._server.status != -signal.SIGKILL:
            self.wrong.append(f"the server ended by itself: {self._server.status}, {self._server.said()}")
        self.killed[kill.failpoint.partition("=")[0]] += 1
