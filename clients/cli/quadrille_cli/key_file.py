"""Changes the servers' key file: one writer at a time, comments kept, and replaced as a whole."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from serving.keys import ApiKey, KeyFile, read_keys
from tomlkit.exceptions import TOMLKitError

from quadrille_cli.failures import Failed


class Entries:
    """The file's entries, to be changed in place."""

    def __init__(self, document: tomlkit.TOMLDocument) -> None:
        self._document = document
        if not document.get("keys"):
            document["keys"] = tomlkit.aot()  # "keys = []" takes no tables
        self.keys: Any = document["keys"]

    def add(self, entry: ApiKey) -> None:
        """One more entry, at the end."""
        self.keys.append(table_of(entry))

    def named(self, name: str, tenant: str | None = None, id: str | None = None) -> list[Any]:
        """The entries of this name that are one caller's, or the one of them with this id.

        Raises Failed when there is none, and when callers of several tenants have the name and none of them is meant.
        """
        found = [
            item
            for item in self.keys
            if item.get("name") == name
            and (tenant is None or _tenant(item) == tenant)
            and (id is None or str(item.get("sha256")).startswith(id))
        ]
        if not found:
            of = f" of the tenant {tenant!r}" if tenant else ""
            raise Failed(f"no key {name!r}{of}" + (f" with the id {id}" if id else ""))
        if len(tenants := sorted(set(map(_tenant, found)))) > 1:
            raise Failed(f"several tenants have a key {name!r}: say --tenant, one of {', '.join(tenants)}")
        return found


def read(path: Path) -> KeyFile:
    """What the file holds. Raises Failed when it is no key file."""
    try:
        return read_keys(path)
    except ValueError as error:
        raise Failed(str(error)) from error


@contextlib.contextmanager
def changing(path: Path, *, create: bool = False) -> Iterator[Entries]:
    """The entries; what was changed is written when the block ends, or nothing where it would be no key file.

    The file is written beside and renamed, so that servers read the old or the new one. Raises Failed.
    """
    with _alone(path.parent):
        try:
            text = "" if create and not path.exists() else path.read_text()
            document = tomlkit.parse(text)
        except (OSError, TOMLKitError) as error:
            raise Failed(f"{path} cannot be read: {error}") from error
        if "keys" in document:
            read(path)  # what is wrong already is told as such, whatever is to be changed
        yield Entries(document)
        _replace(path, tomlkit.dumps(document))


def table_of(entry: ApiKey) -> Any:
    """The entry as the file has it, without what is as it would be by default."""
    table = tomlkit.table()
    for name in ("name", "sha256", "tenant"):
        table[name] = getattr(entry, name)
    table["scopes"] = sorted(entry.scopes)
    if entry.groups:
        table["groups"] = sorted(entry.groups)
    if entry.priority:
        table["priority"] = entry.priority
    for name in ("created", "expires"):
        if (moment := getattr(entry, name)) is not None:
            table[name] = whole_second(moment)
    if limits := entry.limits.model_dump(exclude_none=True):
        inline = tomlkit.inline_table()
        inline.update(limits)
        table["limits"] = inline
    return table


def whole_second(moment: datetime) -> datetime:
    """A moment as people like to read it."""
    return moment.replace(microsecond=0)


def _tenant(item: Any) -> str:
    return str(item.get("tenant", ApiKey.model_fields["tenant"].default))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        read(beside)
        if path.exists():
            _as_owned(beside, path.stat())
            shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _as_owned(path: Path, like: os.stat_result) -> None:
    """Give a file to another's owner and group, as far as one may: servers that could read it still can."""
    for owner, group in ((-1, like.st_gid), (like.st_uid, -1)):
        with contextlib.suppress(PermissionError):
            os.chown(path, owner, group)
