"""Metadata as rows that conditions can look up: one row per field and scalar. Pure.

A list stands for its items, at any level, and so does a list in a list. An object, an empty list or null is a
field that is there and equals nothing. Keys that no filter can name are stored with the document only.
"""

from collections.abc import Iterator
from typing import Any

from serving.errors import InvalidInput

from retrieval.filters import Scalar, check_field

PRESENT, BOOL, NUMBER, TEXT = 0, 1, 2, 3


def rows(metadata: dict[str, Any]) -> set[tuple[str, int, Any]]:
    """Return the (field, kind, value) rows of a document's metadata."""
    return set(_walk(metadata))


def typed(value: Scalar) -> tuple[int, Any]:
    """Return the kind and the stored form of a scalar: true is not 1, and 1 is 1.0."""
    if isinstance(value, bool):
        return BOOL, int(value)
    if isinstance(value, str):
        return TEXT, value
    return NUMBER, float(value) + 0.0  # -0.0 and 0.0 are one number


def _walk(metadata: dict[str, Any]) -> Iterator[tuple[str, int, Any]]:
    stack: list[tuple[str, Any]] = [("", metadata)]
    while stack:
        path, value = stack.pop()
        if path:
            yield path, PRESENT, ""
        if isinstance(value, dict):
            stack += [(name, item) for key, item in value.items() if (name := _join(path, key))]
        elif isinstance(value, list):
            stack += [(path, item) for item in value]
        elif value is not None:
            yield path, *typed(value)


def _join(path: str, key: str) -> str | None:
    name = f"{path}.{key}" if path else key
    try:
        return None if "." in key else check_field(name, "")
    except InvalidInput:
        return None
