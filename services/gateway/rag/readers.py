"""Reads a file: its text, and a title when it holds one."""

import asyncio
from dataclasses import dataclass
from pathlib import PurePosixPath

from serving.errors import InvalidInput

from gateway.domain.ingest import File
from gateway.rag.html import read_html
from gateway.rag.pdf import read_pdf
from gateway.rag.plain import storable
from gateway.rag.records import read_csv, read_json_lines

MAX_TEXT_BYTES = 4 * 1024 * 1024  # what the store takes as one document
_BY_EXTENSION = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".rst": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".csv": "text/csv",
    ".tsv": "text/csv",
}
MEDIA_TYPES = tuple(sorted(set(_BY_EXTENSION.values())))


@dataclass(frozen=True, slots=True)
class ReadFile:
    """The text of a file; `title` is empty when it names none."""

    title: str
    text: str


async def read_file(file: File) -> ReadFile:
    """Read a file without blocking the event loop; raises InvalidInput that names the field at fault."""
    media_type = _media_type(file)
    if not file.data:
        raise InvalidInput("file.data", "is empty")
    if media_type == "application/pdf":
        result = ReadFile(*await read_pdf(file.data))
    else:
        result = await asyncio.to_thread(_read_text, media_type, file.data)
    if not result.text.strip():
        raise InvalidInput("file.data", "holds no text")
    if len(result.text.encode()) > MAX_TEXT_BYTES:
        raise InvalidInput("file.data", f"holds more than {MAX_TEXT_BYTES} bytes of text")
    return result


def media_type_by_name(name: str) -> str:
    """The media type of a file of this name; empty when its extension does not tell."""
    return _BY_EXTENSION.get(PurePosixPath(name).suffix.lower(), "")


def _media_type(file: File) -> str:
    given = file.media_type.partition(";")[0].strip().lower()
    media_type = given or media_type_by_name(file.id)
    if media_type in MEDIA_TYPES:
        return media_type
    known = ", ".join(MEDIA_TYPES)
    if given:
        raise InvalidInput("file.media_type", f"{given!r} cannot be read; there are {known}")
    raise InvalidInput("file.media_type", f"must be set: the id's extension does not tell; there are {known}")


def _read_text(media_type: str, data: bytes) -> ReadFile:
    if media_type == "text/html":
        return ReadFile(*read_html(data))
    text = _decode(data)
    if media_type == "text/markdown":
        return ReadFile(_first_heading(text), text)
    if media_type == "application/jsonl":
        text = storable(read_json_lines(text, MAX_TEXT_BYTES))
    elif media_type == "text/csv":
        text = read_csv(text, MAX_TEXT_BYTES)
    return ReadFile("", text)


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("file.data", f"is not UTF-8: byte {error.start}") from error
    if "\0" in text:
        raise InvalidInput("file.data", "holds NUL bytes: it is no text")
    return text


def _first_heading(text: str) -> str:
    for line in text.splitlines():
        if line.startswith("# "):
            return line[2:].strip().rstrip("#").strip()
    return ""
