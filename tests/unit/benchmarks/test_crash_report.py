from pathlib import Path

import pytest

from benchmarks.crashes.measure import options, report
from benchmarks.crashes.run import Run
from benchmarks.crashes.table import markdown


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of three kills, one of which missed its failpoint."""
    run = Run(tmp_path, writers=2, keys=5, longest_s=1.0, seed=0)
    run.killed.update({"": 1, "write.after_commit": 2})
    run.missed.update({"": 0, "write.after_commit": 1})
    run.ledger.acknowledged_count = 1234
    run.start_seconds = [0.5, 2.0, 0.75]
    run.recall.hits, run.recall.wanted = 99, 100
    return run


def test_a_page_says_where_it_was_killed_and_what_was_found(run: Run) -> None:
    made = report(run, options(["--kills", "3"]), 7200.0)
    result = {
        "command": "make soak",
        "machine": {"cpu": "two", "cores": 2, "memory_gib": 24.0},
        "versions": {"torch": "2", "faiss-cpu": "1"},
        "rows": made.rows,
        "ratios": {
            name: {"value": r.value, "goal": r.goal, "better": r.better} for name, r in made.ratios.items()
        },
    }
    page = markdown(result)
    assert "3 kills in 2 hours" in page
    assert "1,234 acknowledged writes, 0 problems" in page
    assert "0.75 s in the median and 2 s at most" in page
    assert "| write.after_commit | 2 | 1 |" in page
    assert "| any moment | 1 | 0 |" in page
    assert "| recall at 10 | 0.99 | ≥ 0.95 | yes |" in page
    assert "| problems | 0 | ≤ 0 | yes |" in page


def test_writes_have_a_goal_in_the_full_run_only(run: Run) -> None:
    assert report(run, options(["--kills", "3"]), 1.0).ratios["acknowledged_writes"].goal is None
    assert report(run, options([]), 1.0).ratios["acknowledged_writes"].goal == 500_000


def test_a_problem_is_in_the_result(run: Run) -> None:
    run.wrong.append("k1: gone")
    made = report(run, options([]), 1.0)
    assert made.ratios["problems"].value == 1
    assert made.rows[-1]["problems"] == ["k1: gone"]
