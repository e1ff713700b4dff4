"""Ours over gRPC, then the other engines in their own processes, each alone on the machine."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uvloop
from quadrille.retrieval.v1 import search_pb2

from benchmarks.report import Ratio, Report
from benchmarks.retrieval.engines import OURS, VECTORS
from benchmarks.retrieval.served import NAME, places, served
from benchmarks.retrieval.vectors import K, Workload
from benchmarks.text import engines
from benchmarks.text.engines import Peer
from benchmarks.words.texts import workload

FTS5, TANTIVY, LANCEDB = "SQLite FTS5", "Tantivy", "LanceDB"
PEERS = (
    Peer(FTS5, "fts5_table", None),
    Peer(TANTIVY, "tantivy_words", None, VECTORS),
    Peer(LANCEDB, "lance_words", None, VECTORS),
)
CLIENTS = (1, 16)


def measure(arguments: Sequence[str]) -> Report:
    """Rows by engine and operation, ratios; `arguments` are those of `--help`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks words")
    parser.add_argument("--texts", type=Path, help="folder with texts (.md, .txt, .trec)")
    parser.add_argument("--count", type=int, default=100_000, help="texts in the collection")
    asked = parser.parse_args(arguments)
    work, questions = workload(asked.texts, asked.count)
    report = Report("words")
    setting = {"operation": "setting", "texts": asked.count, "questions": len(questions)}
    report.rows.append({"engine": OURS, **setting})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = uvloop.run(_own(report.rows, work, questions, folder))
        report.rows += _peers(work, questions, folder)
        path = folder / "fts5_table.json"
        theirs: list[list[int]] = json.loads(path.read_text()) if path.exists() else []
    report.ratios = ratios(report.rows)
    if theirs:
        same = [
            len({*ours} & {*truth}) / len(truth) for ours, truth in zip(found, theirs, strict=False) if truth
        ]
        report.ratios["share_of_the_ten_of_fts5"] = Ratio(round(sum(same) / len(same), 4), 0.99, "higher")
    return report


async def _own(
    rows: list[dict[str, Any]], work: Workload, questions: Sequence[str], scratch: Path
) -> list[list[int]]:
    """Measure ours, the first time that questions are asked apart; returns what was found by words, of each."""
    async with served(scratch, work, "hnsw", os.cpu_count() or 1) as ours:
        _tell(f"writing {len(work.texts)} texts")
        filled = await ours.fill()
        rows.append({"engine": OURS, "operation": "ingest", "texts_per_s": filled["acknowledged_per_s"]})
        answers: list[search_pb2.SearchResponse] = []
        for operation, loads in (("lexical, first", CLIENTS[:1]), ("lexical", CLIENTS), ("hybrid", CLIENTS)):
            requests = list(_requests(work, questions, hybrid=operation == "hybrid"))
            for clients in loads:
                _tell(f"{operation}: {clients} clients")
                load = await ours.ask(requests, clients)
                rows.append({"engine": OURS, "operation": operation, "clients": clients, **load.figures()})
                answers = answers or load.answers
    return [places(answer) for answer in answers]


def _requests(
    work: Workload, questions: Sequence[str], *, hybrid: bool
) -> Iterator[search_pb2.SearchRequest]:
    for question, vector in zip(questions, work.queries, strict=True):
        query = search_pb2.Query(text=question, vector=vector if hybrid else (), top_k=K)
        yield search_pb2.SearchRequest(collection=NAME, query=query)


def _peers(work: Workload, questions: Sequence[str], scratch: Path) -> Iterator[dict[str, Any]]:
    for name, texts in (("texts", work.texts), ("questions", questions)):
        (scratch / f"{name}.json").write_text(json.dumps(texts))
    for peer in PEERS:
        yield from engines.rows(peer, "lexical", _tell, "--data", str(scratch))


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, Ratio]:
    """How long one question takes of what it takes others; ours goes through gRPC and brings the passages."""
    alone = {
        row["engine"]: row["p50_ms"]
        for row in rows
        if row["operation"] == "lexical" and row.get("clients") == 1 and "p50_ms" in row
    }
    return {
        f"lexical_p50_to_{name.split()[-1].lower()}": Ratio(
            round(alone[OURS] / alone[name], 3), goal, "lower"
        )
        for name, goal in ((FTS5, 0.5), (TANTIVY, None), (LANCEDB, None))
        if name in alone
    }


def _tell(what: str) -> None:
    sys.stderr.write(f"words: {what}\n")
