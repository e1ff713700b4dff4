"""python -m benchmarks crashes: so many kills, and what they left."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.crashes.run import Run
from benchmarks.report import Ratio, Report, percentile

WRITES_GOAL = 500_000


def measure(arguments: Sequence[str]) -> Report:
    """Rows by failpoint and of the whole; `arguments` are those of `--help`. What is wrong goes to stderr, too."""
    asked = options(arguments)
    scratch = Path(tempfile.mkdtemp(prefix="quadrille-crashes-"))
    run = Run(scratch, writers=asked.writers, keys=asked.keys, longest_s=asked.longest_s, seed=asked.seed)
    begun = time.perf_counter()
    asyncio.run(run.run(asked.kills))
    if run.wrong:
        print(*run.wrong, f"The store is left in {scratch}", sep="\n", file=sys.stderr)
    else:
        shutil.rmtree(scratch)
    return report(run, asked, time.perf_counter() - begun)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks crashes")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=4, help="clients that write at once")
    parser.add_argument("--keys", type=int, default=250, help="documents of each client")
    parser.add_argument("--longest-s", type=float, default=4.0, help="longest time from the checks to a kill")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def report(run: Run, asked: argparse.Namespace, seconds: float) -> Report:
    """What a run amounts to."""
    made = Report("crashes")
    made.rows.append({"operation": "setting", **vars(asked)})
    for failpoint, count in sorted(run.killed.items()):
        made.rows.append(
            {
                "operation": "kills",
                "at": failpoint or "any moment",
                "kills": count,
                "not_reached": run.missed[failpoint],
            }
        )
    starts = run.start_seconds or [0.0]
    made.rows.append(
        {
            "operation": "all",
            "kills": run.killed.total(),
            "acknowledged_writes": run.ledger.acknowledged_count,
            "problems": run.wrong,
            "start_p50_s": round(percentile(starts, 0.5), 2),
            "start_max_s": round(max(starts), 2),
            "hours": round(seconds / 3600, 2),
        }
    )
    recall = run.recall.hits / max(1, run.recall.wanted)
    full = asked.kills >= 1000
    made.ratios = {
        "problems": Ratio(len(run.wrong), 0, "lower"),
        "kills": Ratio(run.killed.total(), asked.kills, "higher"),
        "acknowledged_writes": Ratio(run.ledger.acknowledged_count, WRITES_GOAL if full else None, "higher"),
        "recall_at_10": Ratio(round(recall, 4), 0.95, "higher"),
    }
    return made
