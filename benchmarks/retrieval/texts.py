"""Real texts: passages of the repository's own paragraphs and of a folder's files."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.texts import FILE as XQUAD

SUFFIXES = (".md", ".txt", ".trec")
LEAST, MOST = 80, 1000  # characters


def passages(folder: Path | None) -> list[str]:
    """All of them, each once, in an order that is always the same."""
    found = dict.fromkeys(_own())
    files = [] if folder is None else sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".trec":
            text = re.sub(r"<DOCNO>.*?</DOCNO>|</?DOC>", "\n\n", text, flags=re.DOTALL)
        found.update(dict.fromkeys(_cut(text)))
    return list(found)


def _own() -> Iterator[str]:
    for article in json.loads(XQUAD.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            yield paragraph["context"]
            yield from (item["question"] for item in paragraph["qas"])


def _cut(text: str) -> Iterator[str]:
    """Paragraphs, those that are short together, those that are long cut."""
    held = ""
    for paragraph in re.split(r"\n\s*\n", text):
        held = " ".join(f"{held} {paragraph}".split())
        while len(held) > MOST:
            yield held[:MOST]
            held = held[MOST:].lstrip()
        if len(held) >= LEAST:
            yield held
            held = ""
