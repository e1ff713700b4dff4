"""Texts with questions whose answers are known, in the formats that their makers gave them."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.texts import FILE as XQUAD
from benchmarks.relevance.scores import Span

_DOCUMENT = re.compile(r"<DOCNO>(\S+)</DOCNO>(.*?)</DOC>", re.DOTALL)
_TOPIC = re.compile(r"<num>(\S+)</num><title>(.*?)</title>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Judged:
    """Texts by id, questions, and for each question the grades of what is relevant, by id."""

    texts: Mapping[str, str]
    questions: Sequence[str]
    grades: Sequence[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question, the text that answers it, and where."""

    question: str
    text: str
    spans: tuple[Span, ...]


def vaswani(folder: Path) -> Judged:
    """11,429 abstracts and 93 queries in TREC's format: doc-text.trec, query-text.trec, qrels."""
    texts = {name: _line(text) for name, text in _DOCUMENT.findall((folder / "doc-text.trec").read_text())}
    topics = _TOPIC.findall((folder / "query-text.trec").read_text())
    grades: dict[str, dict[str, int]] = {name: {} for name, _ in topics}
    for line in (folder / "qrels").read_text().splitlines():
        if line.strip():
            topic, _, name, grade = line.split()
            grades[topic][name] = int(grade)
    asked = [(_line(text), grades[name]) for name, text in topics if grades[name]]
    return Judged(texts, [text for text, _ in asked], [found for _, found in asked])


def xquad() -> Judged:
    """240 paragraphs and 1,190 questions; relevant is every paragraph in which an answer's words stand."""
    found = [part for entry in json.loads(XQUAD.read_text())["data"] for part in entry["paragraphs"]]
    texts = {str(number): part["context"] for number, part in enumerate(found)}
    asked = [
        (question["question"], {answer["text"] for answer in question["answers"]})
        for part in found
        for question in part["qas"]
    ]
    grades = [
        {name: 1 for name, text in texts.items() if any(answer in text for answer in answers)}
        for _, answers in asked
    ]
    return Judged(texts, [question for question, _ in asked], grades)


def evidence(folder: Path) -> tuple[dict[str, str], list[Evidence]]:
    """Texts by name, corpora/*.md, and questions_df.csv: questions with the spans of their evidence."""
    texts = {path.stem: path.read_bytes().decode() for path in sorted((folder / "corpora").glob("*.md"))}
    with (folder / "questions_df.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    asked = []
    for row in rows:
        parts = json.loads(row["references"])
        spans = tuple((part["start_index"], part["end_index"]) for part in parts)
        asked.append(Evidence(row["question"], row["corpus_id"], spans))
    return texts, asked


def _line(text: str) -> str:
    return " ".join(text.split())
