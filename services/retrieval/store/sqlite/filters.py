"""From typed filters to SQL. Everything a caller sent is a bound parameter. Pure."""

from typing import Any as AnyValue

from retrieval.filters import All, Any, AnyOf, Between, Exists, Filter, Not, Prefix
from retrieval.store.sqlite.metadata import NUMBER, PRESENT, TEXT, typed

Sql = tuple[str, list[AnyValue]]

_FIELD = "SELECT document FROM metadata_values WHERE collection = ? AND field = ? AND kind = ?"


def compile_filter(where: Filter, collection: int) -> Sql:
    """Return a condition over `d.id`, where d is documents, and its parameters."""
    match where:
        case All(parts):
            return _joined(" AND ", parts, collection)
        case Any(parts):
            return _joined(" OR ", parts, collection)
        case Not(part):
            sql, parameters = compile_filter(part, collection)
            return f"NOT {sql}", parameters
        case Exists(field, present):
            test = "IN" if present else "NOT IN"
            return f"(d.id {test} ({_FIELD}))", [collection, field, PRESENT]
        case Between():
            return _between(where, collection)
        case AnyOf():
            return _any_of(where, collection)
        case Prefix(field, prefix):
            return _prefix(field, prefix, collection)


def _joined(operator: str, parts: tuple[Filter, ...], collection: int) -> Sql:
    compiled = [compile_filter(part, collection) for part in parts]
    return (
        "(" + operator.join(sql for sql, _ in compiled) + ")",
        [parameter for _, parameters in compiled for parameter in parameters],
    )


def _between(test: Between, collection: int) -> Sql:
    bounds = [
        (operator, bound)
        for operator, bound in ((">=", test.gte), (">", test.gt), ("<=", test.lte), ("<", test.lt))
        if bound is not None
    ]
    conditions = "".join(f" AND value {operator} ?" for operator, _ in bounds)
    parameters = [collection, test.field, NUMBER, *(bound for _, bound in bounds)]
    return f"(d.id IN ({_FIELD}{conditions}))", parameters


def _any_of(test: AnyOf, collection: int) -> Sql:
    kinds: dict[int, list[AnyValue]] = {}
    for scalar in test.values:
        kind, value = typed(scalar)
        kinds.setdefault(kind, []).append(value)
    tests, parameters = [], []
    for kind, values in kinds.items():
        tests.append(f"d.id IN ({_FIELD} AND value IN ({', '.join('?' * len(values))}))")
        parameters += [collection, test.field, kind, *values]
    return "(" + " OR ".join(tests) + ")", parameters


def _prefix(field: str, prefix: str, collection: int) -> Sql:
    parameters = [collection, field, TEXT, prefix]
    # A string of the last character there is has no successor; then all that is not smaller begins with it.
    if after := _successor(prefix):
        return f"(d.id IN ({_FIELD} AND value >= ? AND value < ?))", [*parameters, after]
    return f"(d.id IN ({_FIELD} AND value >= ?))", parameters


def _successor(prefix: str) -> str:
    """Return the least string that exceeds all that begin with `prefix`, by code points as SQLite compares."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)  # surrogates are no characters
