"""SIGKILL while clients write: what was acknowledged is there, what was not is whole or absent, all agrees."""

from pathlib import Path

import pytest
from retrieval.failpoints import NAMES

from benchmarks.crashes.run import Run


async def kill(folder: Path, count: int, longest_s: float) -> Run:
    run = Run(folder, writers=3, keys=60, longest_s=longest_s, seed=count)
    await run.run(count)
    assert run.wrong == []
    assert run.killed.total() == count
    assert run.recall.hits >= 0.95 * run.recall.wanted > 0
    return run


async def test_a_few_kills(tmp_path: Path) -> None:
    run = await kill(tmp_path, 3, 0.5)
    assert run.ledger.acknowledged_count


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_hundred_kills(tmp_path: Path) -> None:
    run = await kill(tmp_path, 100, 2.0)
    assert {name for name in run.killed - run.missed if name} == NAMES
    assert run.ledger.acknowledged_count > 10_000
