"""Typed conditions over metadata: a small tree that is checked whole before anything looks at a document."""

import math
import re
from dataclasses import dataclass

from serving.errors import InvalidInput

from retrieval.limits import (
    MAX_ANY_OF,
    MAX_FILTER_DEPTH,
    MAX_FILTER_LIST,
    MAX_FILTER_PARTS,
    MAX_FILTER_VALUES,
    MAX_PREFIX_BYTES,
)

Scalar = str | float | bool

_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field equals one of `values`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The field is a number within the bounds that are set."""

    field: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """The field is a string that begins with `prefix`."""

    field: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there, or is not."""

    field: str
    present: bool


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Condition = AnyOf | Between | Prefix | Exists
Filter = Condition | All | Any | Not


def check_field(name: str, path: str) -> str:
    """Return `name` when it is a well-formed field name; raises InvalidInput naming `path` otherwise."""
    if not _FIELD.fullmatch(name):
        raise InvalidInput(path, "must be 1 to 16 names of a-z, A-Z, 0-9, '_', '-' joined by '.'")
    return name


def check_filter(root: Filter, path: str) -> None:
    """Check limits and values of a filter; raises InvalidInput naming the part at fault."""
    stack: list[tuple[Filter, str, int]] = [(root, path, 1)]
    parts = values = 0
    while stack:
        part, where, depth = stack.pop()
        parts += 1
        if parts > MAX_FILTER_PARTS:
            raise InvalidInput(path, f"has more than {MAX_FILTER_PARTS} parts")
        if depth > MAX_FILTER_DEPTH:
            raise InvalidInput(path, f"is nested more than {MAX_FILTER_DEPTH} deep")
        match part:
            case All(inner) | Any(inner):
                name = "all" if isinstance(part, All) else "any"
                if not 1 <= len(inner) <= MAX_FILTER_LIST:
                    raise InvalidInput(f"{where}.{name}.filters", f"must hold 1 to {MAX_FILTER_LIST} filters")
                stack += [(p, f"{where}.{name}.filters[{i}]", depth + 1) for i, p in enumerate(inner)]
            case Not(negated):
                stack.append((negated, f"{where}.not", depth + 1))
            case _:
                _check_condition(part, f"{where}.condition")
                values += len(part.values) if isinstance(part, AnyOf) else 0
                if values > MAX_FILTER_VALUES:
                    raise InvalidInput(path, f"compares with more than {MAX_FILTER_VALUES} values")


def _check_condition(condition: Condition, path: str) -> None:
    check_field(condition.field, f"{path}.field")
    match condition:
        case AnyOf(_, values):
            if not 1 <= len(values) <= MAX_ANY_OF:
                raise InvalidInput(f"{path}.any_of", f"must hold 1 to {MAX_ANY_OF} values")
            for value in values:
                if isinstance(value, float) and not math.isfinite(value):
                    raise InvalidInput(path, "numbers must be finite")
        case Between(_, gte, gt, lte, lt):
            bounds = [bound for bound in (gte, gt, lte, lt) if bound is not None]
            if not bounds:
                raise InvalidInput(f"{path}.range", "at least one bound must be set")
            if not all(map(math.isfinite, bounds)):
                raise InvalidInput(f"{path}.range", "bounds must be finite")
        case Prefix(_, prefix):
            if not 1 <= len(prefix.encode()) <= MAX_PREFIX_BYTES:
                raise InvalidInput(f"{path}.prefix", f"must be 1 to {MAX_PREFIX_BYTES} bytes")
        case Exists():
            pass
