"""Questions whose answers are known, as JSON Lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrille_cli.failures import Failed

MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is: a document by its id, and bytes of its text as stored; all of it without `end_byte`."""

    document: str
    start_byte: int = 0
    end_byte: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question, right answers to it, any of which will do, and where they are.

    `unanswerable` says that the documents don't tell; then there are neither answers nor evidence.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    evidence: tuple[Place, ...] = ()
    unanswerable: bool = False


def read(path: Path, limit: int | None = None) -> list[Question]:
    """The questions of a file; with a limit as many of them, evenly spread. Raises Failed that names the line."""
    found: list[Question] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if len(line) > MAX_LINE_BYTES:
                raise Failed(f"{path}:{number}: is longer than {MAX_LINE_BYTES} bytes")
            if line.strip():
                try:
                    found.append(question(json.loads(line)))
                except (ValueError, RecursionError) as error:
                    raise Failed(f"{path}:{number}: {error}") from error
    if not found:
        raise Failed(f"{path} holds no questions")
    if len({item.id for item in found}) < len(found):
        raise Failed(f"{path}: several questions have the same id")
    return spread(found, limit)


def spread(items: list[Question], limit: int | None) -> list[Question]:
    """At most so many, at even distances, in order."""
    if limit is None or limit >= len(items):
        return items
    return [items[place * len(items) // limit] for place in range(limit)]


def question(value: Any) -> Question:
    """A question of its JSON object. Raises ValueError that names the field."""
    fields = _object(value, "line", {"id", "question", "answers", "evidence", "unanswerable"})
    made = Question(
        _text(fields, "id"),
        _text(fields, "question"),
        tuple(_texts(fields.get("answers", []))),
        tuple(_place(item) for item in _list(fields.get("evidence", []), "evidence")),
        fields.get("unanswerable", False),
    )
    if not isinstance(made.unanswerable, bool):
        raise ValueError("unanswerable must be true or false")
    if made.unanswerable == bool(made.answers or made.evidence):
        raise ValueError("needs answers or evidence, or else unanswerable, and not both")
    return made


def line(item: Question) -> str:
    """A question as a line of such a file."""
    places = [
        {"document": place.document}
        | ({"start_byte": place.start_byte, "end_byte": place.end_byte} if place.end_byte else {})
        for place in item.evidence
    ]
    told = {"answers": list(item.answers), "evidence": places, "unanswerable": item.unanswerable}
    fields = {"id": item.id, "question": item.question} | {name: kept for name, kept in told.items() if kept}
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _place(value: Any) -> Place:
    fields = _object(value, "evidence", {"document", "start_byte", "end_byte"})
    start, end = fields.get("start_byte", 0), fields.get("end_byte", 0)
    if type(start) is not int or type(end) is not int or not (0 <= start < end or start == end == 0):
        raise ValueError("evidence: start_byte and end_byte must be bytes of a span that is not empty")
    return Place(_text(fields, "document"), start, end)


def _object(value: Any, name: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no JSON object")
    if unknown := sorted(value.keys() - known):
        raise ValueError(f"{name} has unknown fields: {', '.join(unknown)}")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text that is not empty")
    return value


def _texts(value: Any) -> Sequence[str]:
    texts = _list(value, "answers")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("answers must be texts that are not empty")
    return texts


def _list(value: Any, name: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list")
    return value
