"""Conditions over documents' metadata, as the gateway itself makes them. Fields are paths of names joined by "."."""

from dataclasses import dataclass

Scalar = str | float | bool


@dataclass(frozen=True, slots=True)
class Equals:
    """A field, or an item of it where it is a list, is this value."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A field is one of these values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """A field is a number within these bounds, of which one at least is set."""

    field: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """A field is there."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """A filter does not hold."""

    filter: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """All filters hold."""

    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one filter holds."""

    filters: tuple["Filter", ...]


Filter = Equals | AnyOf | Within | Exists | Not | All | Any
