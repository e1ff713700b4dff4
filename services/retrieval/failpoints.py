"""Named places where a test has the process die, or the disk fail, between two durable steps.

The option `failpoints` arms them, "NAME=ACTION[@N]" each: `kill` (SIGKILL), `error` (EIO) or `full` (ENOSPC), at the
N-th pass only, or at every one. Unarmed, passing one costs a look into an empty dict.
"""

import errno
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

# Of every commit, fsync and rename: the place before it and, where that tells something else, the place after it.
# Nothing can fail any more after it: there is only `kill`.
NAMES = frozenset(
    {
        "migrate.before_commit",
        "write.before_commit",
        "write.after_commit",  # durable, and no search sees it
        "write.after_publish",  # seen by searches, and not acknowledged
        "rebuild.before_commit",
        "rebuild.after_commit",
        "restore.before_copy",  # the copy is one transaction
        "restore.after_copy",
        "compact.before_vacuum",
        "compact.after_vacuum",
        "segment.before_fsync",
        "segment.before_rename",
        "segment.after_rename",
        "segment.after_manifest",  # durable, and searches still meet what it replaces
        "snapshot.before_fsync",
        "snapshot.before_digest",
        "snapshot.before_rename",
        "snapshot.after_rename",
        "file.before_fsync",
        "directory.before_fsync",
    }
)

_ERRORS = {"error": errno.EIO, "full": errno.ENOSPC}
_ACTIONS = ("kill", *_ERRORS)


@dataclass(slots=True)
class _Failpoint:
    action: str
    at: int | None
    passes: int = 0


_armed: dict[str, _Failpoint] = {}


def hit(name: str) -> None:
    """Pass a place; raises OSError, or does not return, where it is armed."""
    if not _armed or (point := _armed.get(name)) is None:
        return
    point.passes += 1
    if point.at not in (None, point.passes):
        return
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    code = _ERRORS[point.action]
    raise OSError(code, f"{os.strerror(code)} (failpoint {name})")


def arm(specs: Iterable[str]) -> None:
    """Arm these failpoints and no others; raises ValueError on what is none."""
    points = dict(map(_parse, specs))
    _armed.clear()
    _armed.update(points)


def check(specs: tuple[str, ...]) -> tuple[str, ...]:
    """Return what `arm` will take; raises ValueError on the rest."""
    for spec in specs:
        _parse(spec)
    return specs


def _parse(spec: str) -> tuple[str, _Failpoint]:
    name, _, what = spec.partition("=")
    action, at, number = what.partition("@")
    if name not in NAMES:
        raise ValueError(f"{name!r} is no failpoint; there are {', '.join(sorted(NAMES))}")
    if action not in _ACTIONS:
        raise ValueError(f"{spec!r} has no action; there are {', '.join(_ACTIONS)}")
    if ".after_" in name and action != "kill":
        raise ValueError(f"{spec!r}: what is done cannot fail any more; there is kill")
    if at and not (number.isascii() and number.isdigit() and int(number) > 0):
        raise ValueError(f"{spec!r} must end in @ and a number from 1")
    return name, _Failpoint(action, int(number) if at else None)
