"""Segments' files with flipped bits, ends cut off, or another's content: put aside, and every answer is right."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from .stack import open_stack

READER = Path(__file__).with_name("damaged_segments.py")


def search_damaged(folder: Path, first: int, count: int) -> int:
    """How many of so many damages were found; fails when anything ended the process or an answer was wrong."""
    command = [sys.executable, str(READER), str(folder), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return int(done.stdout)


def test_damaged_segments_are_refused(tmp_path: Path) -> None:
    assert search_damaged(tmp_path, 0, 100) > 85  # some random bytes are what was there


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_damaged_segments_are_refused(tmp_path: Path) -> None:
    assert search_damaged(tmp_path, 1000, 10_000) > 8500


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE segments SET kind = 'tree'",
        "UPDATE segments SET token = x'00' || id",
        "UPDATE segments SET token = '../' || token",
        "UPDATE segments SET sha256 = ''",
        "UPDATE segments SET count = 'many'",
        "UPDATE segments SET dimension = 8",
    ],
)
def test_a_damaged_manifest_costs_a_build(tmp_path: Path, statement: str) -> None:
    stack = open_stack(tmp_path)
    books = stack.make()
    stack.put(books, 0, 30)
    stack.settle()
    assert stack.files
    stack.close()
    with sqlite3.connect(tmp_path / "store.sqlite3") as database:
        database.execute(statement)
    database.close()
    stack = open_stack(tmp_path)
    assert len(stack.index(books)) == 30
    assert stack.verify(books) == []
    stack.settle()
    stack.close()
    stack = open_stack(tmp_path)
    assert len(stack.index(books)) == 30
    stack.close()
