"""Databases and logs with flipped bits, overwritten bytes and ends cut off: told, never served as if whole."""

import subprocess
import sys
from pathlib import Path

import pytest

READER = Path(__file__).with_name("damaged_reader.py")


def use_damaged(folder: Path, first: int, count: int) -> dict[str, int]:
    """How often what came of calls into so many damaged stores; fails when anything ended the process."""
    command = [sys.executable, str(READER), str(folder), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: int(number) for name, number in map(str.split, done.stdout.splitlines())}


def test_damaged_stores_are_data_loss_at_worst(tmp_path: Path) -> None:
    outcomes = use_damaged(tmp_path, 0, 60)
    assert outcomes["DataLoss"] > 20
    assert outcomes["done"] > 200


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_damaged_stores_are_data_loss_at_worst(tmp_path: Path) -> None:
    assert use_damaged(tmp_path, 1000, 3000)["DataLoss"] > 1500
