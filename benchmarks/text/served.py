"""The text service as users run it: a process of its own, asked through gRPC by the SDK from this one."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from quadrille_client import AsyncClient
from quadrille_client.types.text import Delta

from benchmarks.peers.own_engine import LIMITS, MODEL
from benchmarks.peers.protocol import PREFIX, REPEATS, STREAMS, Answer, measure, peak_mb, prompts
from benchmarks.peers.texts import texts
from benchmarks.service import Running, running

PREFIX_TAIL = 16
GATHERED_MS = 1000  # what the SDK's `generate` asks for


@dataclass(frozen=True, slots=True)
class Served:
    """A server that serves, and a loop and a client to ask it with."""

    process: Running
    client: AsyncClient
    loop: asyncio.AbstractEventLoop

    def batch(self, asked: list[list[int]], tokens: int, gathered_ms: int = 0) -> list[Answer]:
        """Answer every prompt, all at once; tokens after the first may be gathered before they are sent."""
        return self.loop.run_until_complete(self._together(asked, tokens, gathered_ms))

    def embed(self, inputs: list[str]) -> None:
        """Embed every text, in one call."""
        self.loop.run_until_complete(self.client.embed(inputs, truncate=True))

    async def _together(self, asked: list[list[int]], tokens: int, gathered_ms: int) -> list[Answer]:
        begun = time.perf_counter()
        return await asyncio.gather(*(self._one(prompt, tokens, begun, gathered_ms) for prompt in asked))

    async def _one(self, prompt: list[int], tokens: int, begun: float, gathered_ms: int) -> Answer:
        said: list[int] = []
        first = None
        async with self.client.stream_generate(
            prompt, delta_interval_ms=gathered_ms, max_tokens=tokens, temperature=0, ignore_eos=True
        ) as events:
            async for event in events:
                if isinstance(event, Delta):
                    first = first or time.perf_counter() - begun
                    said += event.token_ids
        return Answer(said, first)


@contextmanager
def served(scratch: Path, models: str, **options: Any) -> Iterator[Served]:
    """The text service over `models`, in bfloat16, with options of its configuration."""
    loop = asyncio.new_event_loop()
    with running("textgen", scratch, models=models, dtype="bfloat16", **options) as process:
        client = loop.run_until_complete(_connected(process.address))
        try:
            yield Served(process, client, loop)
        finally:
            loop.run_until_complete(client.close())
            loop.close()


async def _connected(address: str) -> AsyncClient:
    return AsyncClient(address, timeout=600)


def generate_rows(
    scratch: Path, folder: Path, *, int8: bool = False, gathered_ms: int = 0
) -> list[dict[str, Any]]:
    """Rows by number of streams, what was guessed or reused meanwhile, and first tokens behind a shared prefix."""
    rows = []
    with served(scratch, f"{MODEL}={folder}", int8=int8, **LIMITS) as server:
        batch = partial(server.batch, gathered_ms=gathered_ms)
        for streams in STREAMS:
            found = measure(batch, streams)
            rows.append({"operation": "generate", **found, "peak_mb": peak_mb(server.process.pid)})
        counters = {
            "guesses_kept": server.process.counted("quadrille_text_speculation_kept_total"),
            "prompt_tokens_reused": server.process.counted("quadrille_text_prefix_cache_hits_total"),
        }
        rows.append({"operation": "counters", **counters})
        rows.append({"operation": "prefix", "shared_tokens": PREFIX, **_prefix(server)})
    return rows


def _prefix(server: Served) -> dict[str, float]:
    """Milliseconds to the first token of a prompt, and of another that begins alike."""
    firsts: tuple[list[float], list[float]] = [], []
    for round_ in range(REPEATS):
        (shared,) = prompts(1, round_, PREFIX)
        for times, tail in zip(firsts, prompts(2, round_, PREFIX_TAIL), strict=True):
            (answer,) = server.batch([shared + tail], 1)
            times.append((answer.first_s or 0.0) * 1e3)
    return {"ttft_first_ms": round(median(firsts[0]), 1), "ttft_second_ms": round(median(firsts[1]), 1)}


def embed_row(scratch: Path) -> dict[str, Any]:
    """Texts a second, in one call; the model is the MiniLM that the service brings along."""
    given, seconds = texts(), []
    with served(scratch, "minilm") as server:
        server.embed(given[:32])
        for _ in range(REPEATS):
            begun = time.perf_counter()
            server.embed(given)
            seconds.append(time.perf_counter() - begun)
        rate = round(len(given) / median(seconds), 1)
        return {"operation": "embed", "texts_per_s": rate, "peak_mb": peak_mb(server.process.pid)}
