"""JSON objects as text: where one ends, what its members say, and whether it is one at all."""

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 64
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_OUTSIDE_STRINGS = re.compile(r'["{}]')
_IN_STRING = re.compile(r'\\.|"', re.DOTALL)


class ObjectEnd:
    """Finds the brace that ends an object in text that comes in pieces, from its first brace on."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def find(self, piece: str) -> int | None:
        """The place after the object's last brace in the next piece; None when it is not in it."""
        if not piece:
            return None
        place, self._escaped = int(self._escaped), False
        while True:
            found = (_IN_STRING if self._in_string else _OUTSIDE_STRINGS).search(piece, place)
            if found is None:
                self._escaped = self._in_string and piece.endswith("\\", place)
                return None
            place = found.end()
            match found[0]:
                case '"':
                    self._in_string = not self._in_string
                case "{":
                    self._depth += 1
                case "}":
                    self._depth -= 1
                    if self._depth == 0:
                        return place


def members(text: str) -> dict[str, str]:
    """The text of each value of an object, by its key. ValueError for what is no object."""
    found: dict[str, str] = {}
    place = _expect(text, 0, "{")
    if text[place : place + 1] == "}":
        return found
    while True:
        key, place = _DECODER.raw_decode(text, place)
        if not isinstance(key, str):
            raise ValueError("has a key that is no string")
        begin = _expect(text, place, ":")
        _, end = _DECODER.raw_decode(text, begin)
        found[key] = text[begin:end]
        place = _skip(text, end)
        if text[place:] == "}":
            return found
        place = _expect(text, place, ",")


def parse_object(text: str) -> dict[str, Any]:
    """The object that a text holds.

    ValueError for anything else, for what JSON does not know (NaN, numbers beyond a double, half surrogate pairs)
    and for what is nested deeper than MAX_DEPTH.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error}") from error
    except RecursionError as error:
        raise ValueError(f"is nested deeper than {MAX_DEPTH}") from error
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    if _depth(value) > MAX_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_DEPTH}")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which JSON does not know")


def _depth(value: Any) -> int:
    """Levels of objects and arrays."""
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _expect(text: str, place: int, mark: str) -> int:
    """The place after the mark and the spaces around it."""
    place = _skip(text, place)
    if not text.startswith(mark, place):
        raise ValueError(f"lacks {mark!r} at {place}")
    return _skip(text, place + 1)
