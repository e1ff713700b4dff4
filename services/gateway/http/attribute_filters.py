"""OpenAI's filters over attributes as ours."""

from serving.errors import InvalidInput

from gateway.domain.filters import All, Any, AnyOf, Equals, Filter, Not, Scalar, Within
from gateway.http.file_schemas import Comparison, Compound


def filter_of(given: Comparison | Compound, path: str = "filters") -> Filter:
    """A filter; raises InvalidInput with the path of what is wrong. Files without the attribute pass "ne" and "nin"."""
    if isinstance(given, Compound):
        parts = tuple(filter_of(part, f"{path}.filters[{n}]") for n, part in enumerate(given.filters))
        return All(parts) if given.type == "and" else Any(parts)
    key, value = given.key, given.value
    if given.type in ("in", "nin"):
        if not isinstance(value, list):
            raise InvalidInput(f"{path}.value", "must be a list")
        return _negated(AnyOf(key, tuple(value)), given.type == "nin")
    if isinstance(value, list):
        raise InvalidInput(f"{path}.value", "must not be a list")
    if given.type in ("eq", "ne"):
        return _negated(Equals(key, value), given.type == "ne")
    return _bounded(key, given.type, value, path)


def _negated(filter: Filter, negated: bool) -> Filter:
    return Not(filter) if negated else filter


def _bounded(key: str, bound: str, value: Scalar, path: str) -> Filter:
    if isinstance(value, str | bool):
        raise InvalidInput(f"{path}.value", "must be a number")
    return Within(key, **{bound: value})
