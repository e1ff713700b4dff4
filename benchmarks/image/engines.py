"""What is measured: diffusers behind a pipe, and our server behind gRPC. Each is a process of its own."""

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from quadrille_client import AsyncClient
from quadrille_client.types.image import ImagesFinished

from benchmarks.image.requests import Request
from benchmarks.peers.protocol import MARK
from benchmarks.service import Running, running
from benchmarks.text.engines import ROOT

MODEL, TIMEOUT_S = "measured", 1200
PASSES = "quadrille_image_batch_rows_count"


class EngineError(Exception):
    """An engine ended, or answered something else than it was asked."""


class Engine(Protocol):
    """Makes images."""

    @property
    def name(self) -> str:
        """What rows call it."""

    async def ask(self, request: Request) -> None:
        """Have an image made, and wait for it."""

    def passes(self) -> float:
        """Forward passes that its images have taken until now."""


class Piped:
    """diffusers in a process that lines of JSON go to and come from."""

    def __init__(self, name: str, process: Process, facts: dict[str, Any]) -> None:
        """`facts` are what it said of itself."""
        self.name, self.facts = name, facts
        self._process = process
        self._ids = itertools.count()
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._passes = 0.0

    async def ask(self, request: Request) -> None:
        """Have an image made."""
        number, answered = next(self._ids), asyncio.get_running_loop().create_future()
        self._asked[number] = answered
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **asdict(request)}).encode() + b"\n")
        await answered

    def passes(self) -> float:
        """A batch's rows have an equal share in its passes, whatever their number."""
        return self._passes

    async def listen(self) -> None:
        """Take its answers until it ends; what is open then fails."""
        while facts := await _said(self._process):
            self._passes += facts["steps"] / facts["rows"]
            self._asked.pop(facts["id"]).set_result(None)
        for answered in self._asked.values():
            answered.set_exception(EngineError(f"{self.name} has ended"))


@asynccontextmanager
async def piped(name: str, policy: str, variants: tuple[str, ...], *asked: str) -> AsyncIterator[Piped]:
    """diffusers under a policy, in the fastest of its variants. Raises EngineError when it does not start."""
    arguments = ("-m", "benchmarks.image.pipeline", "--policy", policy, "--variants", *variants, *asked)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    try:
        if (facts := await _said(process)) is None:
            raise EngineError(f"{name} did not start")
        engine = Piped(name, process, facts)
        listening = asyncio.create_task(engine.listen())
        yield engine
        listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _said(process: Process) -> dict[str, Any] | None:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(MARK.encode()):
            facts: dict[str, Any] = json.loads(line[len(MARK) :])
            return facts
    return None


class Served:
    """Our server, asked by the SDK."""

    def __init__(self, name: str, process: Running, client: AsyncClient, guidance_scale: float) -> None:
        self.name = name
        self._process, self._client, self._guidance_scale = process, client, guidance_scale

    async def ask(self, request: Request) -> None:
        """Have an image made. Raises EngineError when it did not take as many steps as were asked for."""
        stream = self._client.images.stream_generate(
            request.prompt,
            model=MODEL,
            steps=request.steps,
            seed=request.seed,
            guidance_scale=self._guidance_scale,
        )
        taken = 0
        async with stream as events:
            async for event in events:
                if isinstance(event, ImagesFinished):
                    taken = event.image_step_count
        if taken != request.steps:
            raise EngineError(f"{self.name} took {taken} steps for {request.steps}")

    def passes(self) -> float:
        """As its metrics count them."""
        return self._process.counted(PASSES)


@asynccontextmanager
async def served(
    name: str, scratch: Path, folder: Path, guidance_scale: float, **options: Any
) -> AsyncIterator[Served]:
    """The image service over one model, with options of its configuration; all else as it comes."""
    with running("imagegen", scratch, models=f"{MODEL}={folder}", **options) as process:
        async with AsyncClient(process.address, timeout=TIMEOUT_S, max_retries=0) as client:
            yield Served(name, process, client, guidance_scale)
