"""Ours beside the echo in turns, then the other stores, each alone on the machine."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from benchmarks.report import Report
from benchmarks.retrieval.engines import ECHO, OURS, REFERENCES, STORES
from benchmarks.retrieval.load import closed
from benchmarks.retrieval.options import options
from benchmarks.retrieval.ratios import ratios
from benchmarks.retrieval.served import BATCHES, Served, echoed, served
from benchmarks.retrieval.texts import passages
from benchmarks.retrieval.vectors import Workload, workload
from benchmarks.text import engines

CALLS = {1: 2000, 16: 12_000}  # by clients


def measure(arguments: Sequence[str]) -> Report:
    """Rows by engine and operation, ratios; `arguments` are those of `--help`."""
    asked = options(arguments)
    report = Report("retrieval")
    work = workload(passages(asked.texts), asked.vectors, asked.queries)
    report.rows.append(
        {
            "engine": OURS,
            "operation": "setting",
            "vectors": len(work.vectors),
            "texts": len(set(work.sources.tolist())),
            "queries": len(work.queries),
            "index": asked.index,
            "build_threads": asked.build_threads,
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        uvloop.run(_own(report.rows, asked, work, Path(scratch)))
        report.rows += _stores(work, Path(scratch), peers=not asked.no_peers)
    report.ratios = ratios(report.rows)
    return report


async def _own(rows: list[dict[str, Any]], asked: argparse.Namespace, work: Workload, scratch: Path) -> None:
    async with served(scratch, work, asked.index, asked.build_threads) as ours:
        _tell(f"writing {len(work.vectors)} vectors")
        rows.append(await ours.fill())
        _tell("recall")
        rows += await ours.recalls(audited=False)
        _tell("what audits teach")
        await ours.learn()
        for references in (False, True):
            await _beside_echo(rows, ours, asked.rounds, scratch, references=references)
        _tell("batches and filters")
        for references in (False, True):
            rows += [await ours.batches(size, references=references) for size in BATCHES]
        rows += await ours.recalls(audited=True)  # last, for walks may have been narrowed meanwhile
        rows += await ours.filtered()


async def _beside_echo(
    rows: list[dict[str, Any]], ours: Served, rounds: int, scratch: Path, *, references: bool
) -> None:
    first = (await ours.search(1, 1, references=references)).answers[0]
    request = ours.requests(references=references)[0]
    kind = REFERENCES if references else ""
    async with echoed(first, scratch) as echo:
        await closed(echo, [request] * 500, 16)
        for clients in CALLS:
            for round_ in range(rounds):
                _tell(f"search{kind}: {clients} clients, round {round_ + 1}")
                load = await closed(echo, [request] * CALLS[clients], clients)
                rows.append(
                    {"engine": ECHO, "operation": f"echo{kind}", "clients": clients, **load.figures()}
                )
                load = await ours.search(clients, CALLS[clients], references=references)
                rows.append(
                    {"engine": OURS, "operation": f"search{kind}", "clients": clients, **load.figures()}
                )


def _stores(work: Workload, scratch: Path, *, peers: bool) -> Iterator[dict[str, Any]]:
    for name, array in (("vectors", work.vectors), ("queries", work.queries), ("nearest", work.nearest())):
        np.save(scratch / f"{name}.npy", array)
    for peer in STORES if peers else STORES[:1]:
        _tell(peer.name)
        try:
            versions, *found = engines.run(peer, "--data", str(scratch), timeout_s=_timeout_s(work))
        except engines.Absent as absent:
            _tell(f"{peer.name} is absent: {absent}")
            yield {"engine": peer.name, "operation": "search", "absent": str(absent)}
            continue
        for facts in found:
            yield {"engine": peer.name, **facts, **versions}


def _timeout_s(work: Workload) -> float:
    """Graphs of more vectors take longer to build."""
    return max(engines.TIMEOUT_S, len(work.vectors) / 100)


def _tell(what: str) -> None:
    sys.stderr.write(f"retrieval: {what}\n")
