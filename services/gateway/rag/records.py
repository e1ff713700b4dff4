"""Text of files of records, JSON Lines and CSV: a paragraph a record, so that chunks part between records.

A record with one value is that value; of one with several, each has a line "name: value". Values that are no text stay
JSON.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from serving.errors import InvalidInput

_DELIMITERS = (",", ";", "\t", "|")


def read_json_lines(text: str, max_bytes: int) -> str:
    """The records of JSON Lines; raises InvalidInput that names the line, or for more than `max_bytes` of text."""
    return _joined(_json_records(text), max_bytes)


def read_csv(text: str, max_bytes: int) -> str:
    """The records of a CSV file, named by its first row, where it is parted by commas, semicolons, tabs or bars.

    Raises InvalidInput that names the line, or for more than `max_bytes` of text: names are repeated in each record,
    so the text may be far longer than the file.
    """
    return _joined(_csv_records(text), max_bytes)


def _json_records(text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            said = _record(record.items()) if isinstance(record, dict) else _value(record)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("file.data", f"line {number} is not JSON: {error}") from error
        yield said


def _csv_records(text: str) -> Iterator[str]:
    first = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    try:
        names = next(rows, [])
        for row in rows:
            yield _record(_named(names, row))
    except csv.Error as error:
        raise InvalidInput("file.data", f"line {rows.line_num} is not CSV: {error}") from error


def _named(names: Sequence[str], row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A row's values with their names; what goes beyond the names, or stands under an empty one, has its number."""
    for place, value in enumerate(row):
        yield (names[place] if place < len(names) else "") or f"column {place + 1}", value


def _record(pairs: Iterable[tuple[str, Any]]) -> str:
    told = [(name, said) for name, value in pairs if (said := _value(value))]
    return told[0][1] if len(told) == 1 else "\n".join(f"{name}: {said}" for name, said in told)


def _value(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _joined(records: Iterator[str], max_bytes: int) -> str:
    kept: list[str] = []
    size = 0
    for record in records:
        if record:
            kept.append(record)
            size += len(record) + 2  # characters, of which none is shorter than a byte
        if size > max_bytes:
            raise InvalidInput("file.data", f"holds more than {max_bytes} bytes of text")
    return "\n\n".join(kept)
