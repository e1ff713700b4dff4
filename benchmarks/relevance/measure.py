"""Relevance of what retrieval finds, through the services: nDCG@10, recall of answers, overlap with evidence."""

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from statistics import fmean
from typing import Any

from quadrille_client import AsyncClient, Chunk, Document
from quadrille_client.types.retrieval import Hit, SearchMode
from rich.console import Console

from benchmarks.relevance import data
from benchmarks.relevance.bench import Bench
from benchmarks.relevance.scores import Span, ndcg, overlap
from benchmarks.relevance.splitters import SIZES, SPLITTERS
from benchmarks.report import Ratio, Report
from benchmarks.service import running

NAMES = ("xquad", "vaswani", "chunking")
MODES: tuple[SearchMode, ...] = ("dense", "lexical", "hybrid")
OVERLAPS = ("precision", "recall", "iou")
RECALL_DEPTHS = (1, 3, 5)
FOUND = 5  # chunks that a question is given, as in the study whose data this is
DATA = Path(__file__).resolve().parents[1] / "data"


async def judged(bench: Bench, name: str, given: data.Judged) -> list[dict[str, Any]]:
    """A row a mode: nDCG@10, and the part of questions with something relevant among the first k."""
    await bench.fill(name, [Document(key, text, chunks=[Chunk(text)]) for key, text in given.texts.items()])
    rows = []
    for mode in MODES:
        hits = await bench.ask(name, given.questions, mode, 10)
        found = [[hit.document_id for hit in answer] for answer in hits]
        pairs = list(zip(found, given.grades, strict=True))
        row: dict[str, Any] = {"data": name, "mode": mode, "questions": len(pairs), "texts": len(given.texts)}
        row["ndcg_at_10"] = round(fmean(ndcg(ids, grades, 10) for ids, grades in pairs), 4)
        for depth in RECALL_DEPTHS:
            right = (any(grades.get(key, 0) > 0 for key in ids[:depth]) for ids, grades in pairs)
            row[f"recall_at_{depth}"] = round(fmean(right), 4)
        rows.append(row)
    return rows


async def chunked(bench: Bench, folder: Path) -> list[dict[str, Any]]:
    """A row a splitter and size: how the first chunks that a dense search finds overlap with the evidence."""
    texts, asked = data.evidence(folder)
    rows = []
    for size, shared in SIZES:
        for splitter, split in SPLITTERS.items():
            collection = f"{splitter}-{size}-{shared}"
            documents = [
                Document(
                    name,
                    text,
                    chunks=[Chunk(c.text, c.start_byte, c.end_byte) for c in split(text, size, shared)],
                )
                for name, text in texts.items()
            ]
            await bench.fill(collection, documents)
            hits = await bench.ask(collection, [item.question for item in asked], "dense", FOUND)
            scores = [
                overlap(_spans(answer, item.text, texts[item.text]), item.spans)
                for item, answer in zip(asked, hits, strict=True)
            ]
            row = {"data": "chunking", "splitter": splitter, "size": size, "overlap": shared}
            row |= {"questions": len(asked), "chunks": sum(len(item.chunks) for item in documents)}
            means = {name: fmean(getattr(score, name) for score in scores) for name in OVERLAPS}
            rows.append(row | {name: round(mean, 4) for name, mean in means.items()})
    return rows


def _spans(hits: Sequence[Hit], name: str, text: str) -> list[Span]:
    """Where hits lie in a text, in characters; what was found elsewhere lies before it, where no evidence is."""
    encoded = text.encode()
    starts = [len(encoded[: hit.start_byte].decode()) for hit in hits if hit.document_id == name]
    here = [len(hit.text) for hit in hits if hit.document_id == name]
    elsewhere = sum(len(hit.text) for hit in hits if hit.document_id != name)
    return [*((start, start + length) for start, length in zip(starts, here, strict=True)), (-elsewhere, 0)]


def ratios(rows: Sequence[Mapping[str, Any]]) -> dict[str, Ratio]:
    """How much hybrid search gains over the better of the others, and how chunks compare with those of fixed size."""
    found: dict[str, Ratio] = {}
    gains = {}
    for name, figure in (("vaswani", "ndcg_at_10"), ("xquad", "recall_at_1")):
        scores = {row["mode"]: row[figure] for row in rows if row["data"] == name and "mode" in row}
        if scores:
            gains[name] = round(scores["hybrid"] - max(scores["dense"], scores["lexical"]), 4)
            found[f"hybrid_gain_{name}_{figure}"] = Ratio(gains[name], -0.005, "higher")
    if gains:
        found["largest_hybrid_gain"] = Ratio(max(gains.values()), 0.01, "higher")
    cut = {(row["splitter"], row["size"], row["overlap"]): row for row in rows if "splitter" in row}
    for (splitter, size, shared), row in cut.items():
        if splitter == "ours":
            for figure, goal in (("precision", 1.0), ("recall", None), ("iou", 1.0)):
                value = row[figure] / cut["fixed", size, shared][figure]
                found[f"{figure}_to_fixed_{size}_{shared}"] = Ratio(round(value, 3), goal, "higher")
    return found


async def run(folder: Path, scratch: Path) -> Report:
    """Everything that there is data for."""
    report = Report("relevance")
    async with AsyncExitStack() as clients:
        with ExitStack() as services:
            addresses = [
                services.enter_context(running(name, scratch / name, **options)).address
                for name, options in (("textgen", {"models": "minilm"}), ("retrieval", {}))
            ]
            text, store = [
                await clients.enter_async_context(AsyncClient(address, timeout=600)) for address in addresses
            ]
            bench = Bench(text, store)
            report.rows += await judged(bench, "xquad", data.xquad())
            if (folder / "vaswani").is_dir():
                report.rows += await judged(bench, "vaswani", data.vaswani(folder / "vaswani"))
            if (folder / "chunking").is_dir():
                report.rows += await chunked(bench, folder / "chunking")
    names = {row["data"] for row in report.rows}
    report.rows += [
        {"data": name, "absent": f"there is no folder {name}"} for name in NAMES if name not in names
    ]
    report.ratios = ratios(report.rows)
    return report


def measure(options: Sequence[str]) -> Report:
    """Measure; `--data` names a folder with vaswani/ and chunking/, of which the repository holds neither."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks relevance")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with vaswani/ and chunking/")
    folder = parser.parse_args(options).data
    with tempfile.TemporaryDirectory() as scratch, Console(stderr=True).status("measuring relevance"):
        return asyncio.run(run(folder, Path(scratch)))
