"""Retrains the starter models from nothing, two parts at a time: `python -m starter` at the repository's root.

Interrupted, it goes on from its last checkpoint in `starter/.work` (`--fresh` forgets it).
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from starter.parts import HERE, PARTS, begin


def main() -> None:
    """Train what is asked for and write the weights beside their recipes."""
    parser = argparse.ArgumentParser(prog="python -m starter", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="parts trained side by side")
    parser.add_argument("--threads", type=int, default=1, help="of each part")
    parser.add_argument("--work", type=Path, default=HERE / ".work", help="where checkpoints are kept")
    parser.add_argument("--fresh", action="store_true", help="forget the checkpoints first")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    context = get_context("spawn")
    with ProcessPoolExecutor(options.jobs, context, begin, (options.threads,)) as pool:
        running = [
            pool.submit(part, options.work, options.seed)
            for name, part in PARTS.items()
            if name in (options.parts or PARTS)
        ]
        for job in running:
            job.result()


if __name__ == "__main__":
    main()
