"""Bodies of multipart/form-data, read from memory: the door has bounded their size before."""

import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from serving.errors import InvalidInput

MAX_PARTS = 64
_MAX_HEAD_BYTES = 2048
_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?\bboundary=("?)([^"\s;,]{1,70})\1', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]++|\\.)*+)"', re.IGNORECASE)
# What browsers and clients write for characters that would end a quoted name, and what older ones do.
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n", '\\"': '"', "\\\\": "\\"}
_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)), re.IGNORECASE)
Checked = TypeVar("Checked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form; `media_type` is empty when none was said."""

    filename: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that are text, and its files by field; "[]" after a name is left out."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)

    def check(self, model: type[Checked]) -> Checked:
        """The text fields as a body; raises RequestValidationError."""
        try:
            return model.model_validate(self.fields, strict=False)  # there is only text
        except ValidationError as error:
            faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
            raise RequestValidationError(faults, body=self.fields) from error

    def file(self, name: str) -> Upload:
        """The one file of a field; raises InvalidInput when there is none, or more."""
        found = self.files.get(name, [])
        if len(found) != 1:
            raise InvalidInput(name, "must be one file" if found else "must be a file")
        return found[0]

    def only(self, *names: str) -> None:
        """Raise InvalidInput for a file of another field."""
        for name in self.files:
            if name not in names:
                raise InvalidInput(name, "must not be a file")


async def read_form(request: Request) -> Form:
    """The form that a request brings; raises InvalidInput for another body."""
    return parse_form(request.headers.get("content-type", ""), await request.body())


def parse_form(content_type: str, content: bytes) -> Form:
    """Read a body as RFC 7578 has it; raises InvalidInput. A part with a file's name is a file, others are text."""
    match = _BOUNDARY.match(content_type.strip())
    if match is None:
        raise InvalidInput("body", "must be multipart/form-data with a boundary")
    delimiter = b"\r\n--" + match[2].encode("latin-1", "replace")
    _, *parts = (b"\r\n" + content).split(delimiter, MAX_PARTS + 1)
    if len(parts) > MAX_PARTS:
        raise InvalidInput("body", f"must be at most {MAX_PARTS} parts")
    if not parts or not parts.pop().startswith(b"--"):
        raise InvalidInput("body", "ends before its last boundary")
    form = Form()
    for part in parts:
        _add(form, part)
    return form


def described(model: type[BaseModel], file: str, *optional: str) -> dict[str, Any]:
    """OpenAPI's description of a form: a file that must be there, others that may be, and the model's fields.

    None of the fields may be a model itself.
    """
    schema = model.model_json_schema()
    binary = {name: {"type": "string", "format": "binary"} for name in (file, *optional)}
    schema["properties"] = {**binary, **schema["properties"]}
    schema["required"] = [file, *schema.get("required", [])]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _add(form: Form, part: bytes) -> None:
    head, separator, data = part.partition(b"\r\n\r\n")
    if not separator or len(head) > _MAX_HEAD_BYTES or not head.lstrip(b" \t").startswith(b"\r\n"):
        raise InvalidInput("body", "holds a part without headers")
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
    headers = {name.lower(): value.strip() for name, _, value in lines}
    disposition = headers.get("content-disposition", "")
    given = {name.lower(): _plain(value) for name, value in _PARAMETER.findall(disposition)}
    name = given.get("name", "").removesuffix("[]")
    if not disposition.lower().startswith("form-data") or not name:
        raise InvalidInput("body", "holds a part without a name")
    if "filename" in given:
        upload = Upload(given["filename"], headers.get("content-type", ""), data)
        form.files.setdefault(name, []).append(upload)
        return
    if name in form.fields:
        raise InvalidInput(name, "must not be given twice")
    try:
        form.fields[name] = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(name, "must be UTF-8") from error


def _plain(quoted: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0].upper()], quoted)
