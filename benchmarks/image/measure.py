"""Every load on every engine, one after the other on a machine that does nothing else, and what they amount to."""

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import torch
from imagegen.config import ImagegenSettings
from imagegen.models.loading.options import read_defaults

from benchmarks.image import models
from benchmarks.image.batches import POLICIES
from benchmarks.image.engines import Engine, piped, served
from benchmarks.image.load import alternated, closed, opened
from benchmarks.image.plan import VARIANTS, Case, cases, equal_steps, options
from benchmarks.image.ratios import BARE, CLOSED, OPEN, OURS, PADDED, SERIAL, STATIC, STRICT, ratios
from benchmarks.image.requests import arriving, drawn
from benchmarks.image.summary import Outcome, by_steps, summary
from benchmarks.report import Report

ARRIVALS = 2  # the first seed of arrivals
ROUNDS = 3  # of the loads that are compared; a shared machine's speed drifts by a third within a minute


def measure(arguments: Sequence[str]) -> Report:
    """Rows by engine and load, ratios; `arguments` are those of `--help`."""
    asked = options(arguments)
    report = Report("image")
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(_Run(asked, report, Path(scratch)).run())
    small_on_a_gpu = asked.model == "small" and asked.device != "cpu"
    report.ratios = ratios(report.rows, small_on_a_gpu=small_on_a_gpu)
    return report


class _Run:
    """One run: its engines, and rows as they come."""

    def __init__(self, asked: argparse.Namespace, report: Report, scratch: Path) -> None:
        self._asked, self._report, self._scratch = asked, report, scratch
        self._requests = asked.requests
        self._cases = cases(asked)
        self._steps = equal_steps(asked.scale)
        self._folder = models.ensure(asked.model)
        self._guidance_scale = read_defaults(str(self._folder)).guidance_scale or 7.5
        self._alone: dict[int, float] = {}
        self._editions = itertools.count(1)  # no load has captions that a cache of prompts knows

    async def run(self) -> None:
        """Start all, measure one after the other."""
        self._report.rows.append(self._setting())
        async with AsyncExitStack() as stack:
            engines = await self._started(stack)
            for engine in engines:
                await self._warm(engine)
            await self._one_at_a_time([engine for engine in engines if engine.name in (OURS, BARE)])
            compared = [engine for engine in engines if engine.name != BARE]
            for case in self._cases:
                await self._case(case, compared)

    def _setting(self) -> dict[str, Any]:
        asked, device = self._asked, torch.cuda.get_device_name() if self._asked.device == "cuda" else "cpu"
        steps = {f"{case.name}_steps": list(case.steps) for case in self._cases}
        return {
            "operation": "setting",
            "model": asked.model,
            "device": device,
            "threads": asked.threads,
            "guidance_scale": self._guidance_scale,
            **steps,
        }

    async def _started(self, stack: AsyncExitStack) -> list[Engine]:
        """All engines; ours, and the bare pipeline, compute in the number type that static batching is fastest in."""
        asked, folder = self._asked, self._folder
        told: tuple[str, ...] = ("--model", str(folder), "--device", asked.device)
        told += ("--threads", str(asked.threads), "--guidance-scale", str(self._guidance_scale))
        told += ("--steps", str(self._steps))

        async def peer(name: str, policy: str, variants: tuple[str, ...]) -> Engine:
            engine = await stack.enter_async_context(piped(name, policy, variants, *told))
            _tell(f"{name}: {engine.facts['variant']}")
            self._report.rows.append({"engine": name, "operation": "variant", **engine.facts})
            return engine

        async def own(name: str, **options: Any) -> Engine:
            options |= {"dtype": dtype, "device": asked.device, "threads": asked.threads}
            options["max_waiting"] = self._requests  # nobody is refused, as by the peers
            scratch = self._scratch / name
            _tell(name)
            return await stack.enter_async_context(
                served(name, scratch, folder, self._guidance_scale, **options)
            )

        variants = tuple(asked.variants or VARIANTS[asked.device][: 2 if asked.quick else None])
        engines = [await peer(SERIAL, "serial", variants), await peer(STATIC, "by-steps", variants)]
        variant = self._report.rows[-1]["variant"]
        dtype = variant.partition(" ")[0]
        engines += [await peer(PADDED, "padded", (variant,)), await peer(BARE, "serial", (dtype,))]
        engines.append(await own(OURS))
        if "strict" in ImagegenSettings.model_fields:
            engines.append(await own(STRICT, strict=True))
        return engines

    async def _warm(self, engine: Engine) -> None:
        """A few steps of every size of batch: kernels are chosen, and memory is taken, at the first of its kind."""
        for rows in range(1, POLICIES["by-steps"].most + 1):
            await closed(engine.ask, drawn(rows, (2,), seed=-rows), rows)

    async def _one_at_a_time(self, engines: Sequence[Engine]) -> None:
        requests = drawn(self._requests, (self._steps,), seed=0)
        _tell("one request at a time")
        outcomes = await alternated([engine.ask for engine in engines], requests)
        for engine, found in zip(engines, outcomes, strict=True):
            seconds = sum(one.latency_s or 0.0 for one in found)
            row = summary(found, seconds, 0.0, by_steps(found))
            self._report.rows.append({"engine": engine.name, "load": "alternated", **row})

    async def _case(self, case: Case, engines: Sequence[Engine]) -> None:
        capacity = 0.0
        for clients in case.clients:
            rows = await self._load(
                case,
                [engine for engine in engines if _takes_part(engine.name, case.name, clients)],
                {"case": case.name, "load": "closed", "clients": clients},
                lambda ask, requests, _, clients=clients: closed(ask, requests, clients),
                compared=clients == CLOSED["clients"],
            )
            capacity = max(capacity, *(row["requests_per_s"] for row in rows if row["engine"] == SERIAL))
        for part in case.parts:
            rate = part * capacity
            await self._load(
                case,
                [engine for engine in engines if _takes_part(engine.name, case.name, None)],
                {"case": case.name, "load": "open", "part": part, "offered_per_s": round(rate, 3)},
                lambda ask, requests, turn, rate=rate: opened(
                    ask, arriving(requests, rate, seed=ARRIVALS + turn)
                ),
                compared=part == OPEN["part"],
            )

    async def _load(
        self,
        case: Case,
        engines: Sequence[Engine],
        where: dict[str, Any],
        send: Callable[..., Coroutine[Any, Any, list[Outcome]]],
        *,
        compared: bool,
    ) -> list[dict[str, Any]]:
        """A row an engine, of all rounds; they take turns, so that a drift of the machine meets all of them.

        What is `compared` takes several rounds, each with captions and arrivals of its own that all engines share.
        """
        outcomes: dict[str, list[Outcome]] = defaultdict(list)
        seconds: dict[str, float] = defaultdict(float)
        passes: dict[str, float] = defaultdict(float)
        for turn in range(ROUNDS if compared and not self._asked.quick else 1):
            requests = drawn(self._requests, case.steps, seed=1, edition=next(self._editions))
            for engine in engines:
                _tell(f"{engine.name}: {' '.join(map(str, where.values()))}")
                before, begun = engine.passes(), time.perf_counter()
                outcomes[engine.name] += await send(engine.ask, requests, turn)
                seconds[engine.name] += time.perf_counter() - begun
                passes[engine.name] += engine.passes() - before
        if where.get("clients") == 1:
            self._alone = by_steps(outcomes[SERIAL])
        rows = [
            {
                "engine": name,
                **where,
                **summary(outcomes[name], seconds[name], passes[name], self._alone),
            }
            for name in outcomes
        ]
        self._report.rows += rows
        return rows


def _takes_part(engine: str, case: str, clients: int | None) -> bool:
    """Padding has nothing to pad where steps are equal; strict mode is measured where its cost is told."""
    if engine == STRICT:
        return case == "mixed" and clients == 8
    return not (engine == PADDED and case == "uniform")


def _tell(what: str) -> None:
    sys.stderr.write(f"image: {what}\n")
