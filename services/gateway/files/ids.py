"""Ids that tell when they were made: a prefix, 48 bits of Unix time in ms, as in UUIDs of version 7, 80 random bits."""

import re
import secrets
import time

from serving.errors import NotFound

FILE, VECTOR_STORE, BATCH = "file-", "vs_", "vsfb_"
_KINDS = {FILE: "file", VECTOR_STORE: "vector store", BATCH: "file batch"}
_REST = re.compile(r"[0-9a-f]{32}")


def new_id(prefix: str) -> str:
    """An id that nobody can guess."""
    return f"{prefix}{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def created_at(id: str) -> int:
    """When an id was made, in seconds of the Unix epoch."""
    return int(id[-32:-20], 16) // 1000


def is_id(prefix: str, id: str) -> bool:
    """Whether an id can have been made here."""
    return id.startswith(prefix) and _REST.fullmatch(id.removeprefix(prefix)) is not None


def check_id(prefix: str, id: str) -> str:
    """Return an id that can have been made here; raises NotFound for anything else."""
    if not is_id(prefix, id):
        raise missing(prefix, id)
    return id


def missing(prefix: str, id: str) -> NotFound:
    """What is raised for something that is not there."""
    return NotFound(_KINDS[prefix], id)
