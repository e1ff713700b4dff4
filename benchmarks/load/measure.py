"""Goodput of our server and of vLLM's under the same arrivals, at parts of what ours can do."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI, OpenAIError
from quadrille_client import QuadrilleError

from benchmarks.load.arrivals import TRACE, Arrival, Traced, at_rate, read
from benchmarks.load.doors import Ask, through_openai, through_sdk, vllm_served
from benchmarks.load.goodput import Limits, Outcome, summary
from benchmarks.peers.own_engine import LIMITS, MODEL
from benchmarks.report import Ratio, Report
from benchmarks.text import engines, model
from benchmarks.text.measure import FOLDER
from benchmarks.text.ratios import OURS, VLLM, Row
from benchmarks.text.served import served

WARM, AT_ONCE, TIMEOUT_S = 8, 1e4, 600  # requests; requests a second; of a request
PARTS = (0.5, 0.8, 1.5)  # of capacity: half of it, near it, beyond it
BEARABLE = Limits(first_s=2.0, between_s=0.2)


def measure() -> Report:
    """Rows by engine and offered rate, and ratios of goodput where vLLM is installed."""
    report, traced = Report("text-load"), read(TRACE.read_text().splitlines())
    folder = model.ensure(FOLDER)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        with served(scratch, f"{MODEL}={folder}", **LIMITS) as server:
            ask, run = through_sdk(server.client), server.loop.run_until_complete
            rate = run(_capacity(ask, traced))
            report.rows.append({"engine": OURS, "operation": "capacity", "requests_per_s": round(rate, 3)})
            report.rows += run(_under_load(OURS, ask, traced, rate))
        peer = next(peer for peer in engines.GENERATORS if peer.name == VLLM)
        try:
            with vllm_served(peer, folder, scratch / "vllm.log") as url:
                report.rows += asyncio.run(_vllm(url, traced, rate))
        except engines.Absent as absent:
            report.rows.append({"engine": VLLM, "operation": "load", "absent": str(absent)})
    report.ratios = ratios(report.rows)
    return report


def ratios(rows: Sequence[Row]) -> dict[str, Ratio]:
    """Our goodput to vLLM's at each part of capacity; none where vLLM is absent or answers nothing in time."""
    good = {(row["engine"], row["part"]): row["goodput_per_s"] for row in rows if "part" in row}
    return {
        f"goodput_{part:g}_to_vllm": Ratio(round(good[OURS, part] / good[VLLM, part], 2), 1.0, "higher")
        for part in PARTS
        if good.get((VLLM, part))
    }


async def _vllm(url: str, traced: Sequence[Traced], rate: float) -> list[dict[str, Any]]:
    async with AsyncOpenAI(base_url=url, api_key="none", timeout=TIMEOUT_S, max_retries=0) as client:
        ask = through_openai(client)
        await send(ask, at_rate(traced[:WARM], AT_ONCE, seed=-1))
        return await _under_load(VLLM, ask, traced, rate)


async def _under_load(engine: str, ask: Ask, traced: Sequence[Traced], rate: float) -> list[dict[str, Any]]:
    rows = []
    for seed, part in enumerate(PARTS):
        sys.stderr.write(f"text-load: {engine} at {part:g} of capacity\n")
        begun = time.perf_counter()
        outcomes = await send(ask, at_rate(traced, part * rate, seed))
        found = summary(outcomes, BEARABLE, time.perf_counter() - begun)
        offered = {"part": part, "offered_per_s": round(part * rate, 3), "requests": len(traced)}
        rows.append({"engine": engine, "operation": "load", **offered, **found})
    return rows


async def _capacity(ask: Ask, traced: Sequence[Traced]) -> float:
    """Requests a second when all are there at once; the first few warm up."""
    await send(ask, at_rate(traced[:WARM], AT_ONCE, seed=-1))
    begun = time.perf_counter()
    await send(ask, at_rate(traced, AT_ONCE, seed=-2))
    return len(traced) / (time.perf_counter() - begun)


async def send(ask: Ask, arrivals: Sequence[Arrival]) -> list[Outcome]:
    """Send each when it is due, and wait for all."""
    begun = time.perf_counter()
    return await asyncio.gather(*(_one(ask, arrival, begun + arrival.due_s) for arrival in arrivals))


async def _one(ask: Ask, arrival: Arrival, due: float) -> Outcome:
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    first, tokens = None, 0
    try:
        async for count in ask(arrival):
            first = first or time.perf_counter() - due
            tokens += count
    except (QuadrilleError, OpenAIError) as error:
        sys.stderr.write(f"text-load: a request failed: {error}\n")
    whole = tokens == arrival.tokens
    return Outcome(first if whole else None, time.perf_counter() - due, tokens)
