"""What commands print: for people with rich, for machines as JSON lines on stdout and nothing else."""

import dataclasses
import json
import re
import sys
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


def console() -> Console:
    """Results, on stdout."""
    return Console(highlight=False)


def notes() -> Console:
    """Progress and errors, on stderr."""
    return Console(stderr=True, highlight=False)


def progress(*, quiet: bool = False) -> Progress:
    """A bar on stderr for what takes longer than a second; gone when it is done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=notes(), transient=True, disable=quiet)


def emit(value: Any, **more: Any) -> None:
    """One JSON line on stdout. A dataclass is an object; bytes are left out, files hold them."""
    line = plain(value) | more
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def emit_event(event: Any, **more: Any) -> None:
    """An event of a stream as a JSON line; "event" names its kind, e.g. "answer_delta"."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
    emit({"event": kind} | plain(event), **more)


def plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as JSON has them."""
    if dataclasses.is_dataclass(value):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: plain(item) for name, item in fields if not isinstance(item, bytes)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
