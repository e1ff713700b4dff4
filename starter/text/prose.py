"""Real technical prose that every Python carries: its language reference and docstrings (PSF licence)."""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics

MIN_CHARS, MAX_CHARS = 25, 200
_ODD = re.compile(r"\*{4}|={4}|-{4}|~{4}|>>>|::=|\|")


def _blocks() -> Iterator[str]:
    for topic in sorted(topics):
        yield from re.split(r"\n\s*\n", topics[topic])
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from re.split(r"\n\s*\n", ast.get_docstring(node) or "")


@cache
def paragraphs() -> tuple[tuple[str, ...], ...]:
    """Paragraphs of whole sentences, in the order of their sources, each once."""
    found = []
    for block in _blocks():
        text = " ".join(line.strip() for line in block.splitlines())
        if _ODD.search(text) or not text[:1].isupper():
            continue
        sentences = [s.strip() for s in re.split(r"(?<=[.!?]) +(?=[A-Z`\"(])", text)]
        kept = tuple(s for s in sentences if MIN_CHARS <= len(s) <= MAX_CHARS and s.endswith("."))
        if kept:
            found.append(kept)
    return tuple(dict.fromkeys(found))


@cache
def vocabulary() -> tuple[str, ...]:
    """The plain lower-case words of the training paragraphs, sorted."""
    text = " ".join(sentence for paragraph in split(held_out=False) for sentence in paragraph)
    return tuple(sorted(set(re.findall(r"(?<![\w.])[a-z]{4,12}(?![\w.])", text))))


@cache
def split(*, held_out: bool) -> tuple[tuple[str, ...], ...]:
    """Training paragraphs, or every twentieth one, which is held out."""
    return tuple(p for index, p in enumerate(paragraphs()) if (index % 20 == 0) == held_out)
