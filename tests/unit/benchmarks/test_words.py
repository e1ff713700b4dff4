import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import fts5_table, words
from benchmarks.peers.protocol import MARK
from benchmarks.retrieval.engines import OURS
from benchmarks.words import texts
from benchmarks.words.measure import FTS5, LANCEDB, ratios
from benchmarks.words.table import markdown


def row(engine: str, p50_ms: float, operation: str = "lexical", clients: int = 1) -> dict:
    figures = {"queries_per_s": 1234.5, "p50_ms": p50_ms, "p99_ms": 9.0}
    return {"engine": engine, "operation": operation, "clients": clients, **figures}


ROWS = [
    {"engine": OURS, "operation": "setting", "texts": 100_000, "questions": 1190},
    {"engine": OURS, "operation": "ingest", "texts_per_s": 1800.4},
    row(OURS, 8.0),
    row(OURS, 30.0, clients=16),
    row(OURS, 20.0, "hybrid"),
    row(FTS5, 160.0),
    {"engine": LANCEDB, "operation": "lexical", "absent": "not installed"},
]


def test_ours_is_compared_where_one_asks_for_words() -> None:
    found = ratios(ROWS)
    assert {name: ratio.value for name, ratio in found.items()} == {"lexical_p50_to_fts5": 0.05}


def test_a_page_tells_all_loads_and_who_is_absent() -> None:
    machine = {"cpu": "some", "cores": 2, "memory_gib": 24}
    page = markdown(
        {"command": "c", "machine": machine, "versions": {"torch": "2"}, "rows": ROWS, "ratios": {}}
    )
    assert "100,000 texts, 1,190 questions" in page
    assert f"| {OURS}, lexical | one client | 1,234 | 8 | 9 |" in page
    assert f"| {OURS}, hybrid | one client |" in page
    assert f"| {OURS}, lexical | 16 clients |" in page
    assert f"| {OURS} | 1,800 |" in page
    assert f"{LANCEDB} is absent: not installed." in page


def test_texts_are_whole_or_copies_that_lack_words(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [f"text number {number} " + "word " * 50 for number in range(10)]
    monkeypatch.setattr(texts, "passages", lambda folder: known)
    monkeypatch.setattr(texts, "embedded", lambda some: np.eye(len(some), 8, dtype=np.float32) + 0.1)
    work, questions = texts.workload(None, 25)
    assert (len(work.texts), work.vectors.shape) == (25, (25, 8))
    assert work.texts[:10] == known
    assert all(len(copy.split()) < 54 for copy in work.texts[10:])
    assert len(work.queries) == len(questions) == len({*questions}) > 1000


def test_a_tenth_of_the_words_is_left_out() -> None:
    left = texts.thinned("word " * 10_000, random.Random(0)).split()
    assert 8800 < len(left) < 9200


def test_a_peer_says_how_long_it_took_and_leaves_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ["the cat sat", "a dog ran", "Cats and dogs", *["nothing"] * 20]
    (tmp_path / "texts.json").write_text(json.dumps(known))
    (tmp_path / "questions.json").write_text(json.dumps(["Where is the cat?", "dogs_ran"]))
    monkeypatch.setattr(sys, "argv", ["fts5_table.py", "--data", str(tmp_path)])
    words.main("some version", fts5_table.Table)
    said = [json.loads(line.removeprefix(MARK)) for line in capsys.readouterr().out.splitlines()]
    assert said[0] == {"versions": "some version"}
    assert said[1]["texts_per_s"] > 0
    assert {"operation": "lexical", "clients": 1}.items() <= said[2].items()
    assert json.loads((tmp_path / "fts5_table.json").read_text()) == [[0, 2], [1, 2]]
