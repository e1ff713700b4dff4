"""Filters run as SQL against the same filters evaluated over the metadata in Python."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any as AnyValue

from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval.filters import All, Any, AnyOf, Between, Exists, Filter, Not, Prefix, check_filter
from retrieval.store.sqlite import metadata
from retrieval.store.sqlite.filters import compile_filter
from retrieval.store.sqlite.schema import migrate

LAST = "\U0010ffff"  # the last character there is; \ud7ff and \ue000 are the ones around the surrogates
STRINGS = ["x", "xy", "x\x00", "y", "1", "\ud7ff", "\ud7ffx", "\ue000", f"z{LAST}", f"z{LAST}{LAST}x", LAST]
SCALARS = st.sampled_from([*STRINGS, "", 0.0, 1.0, -0.0, 0.1 + 0.2, 1e300, True, False])
NAMES = st.sampled_from(["a", "b", "c-d"])
KEYS = st.one_of(NAMES, st.sampled_from(["a.b", "", "é", "a b"]))
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
METADATA = st.dictionaries(KEYS, VALUES, max_size=4)
FIELDS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
BOUNDS = st.none() | st.sampled_from([0.0, 0.3, 1.0, 1e300])
CONDITIONS = (
    st.builds(AnyOf, FIELDS, st.lists(SCALARS, min_size=1, max_size=3).map(tuple))
    | st.builds(Between, FIELDS, BOUNDS, BOUNDS, BOUNDS, BOUNDS).filter(
        lambda b: any(x is not None for x in (b.gte, b.gt, b.lte, b.lt))
    )
    | st.builds(Prefix, FIELDS, st.sampled_from(STRINGS))
    | st.builds(Exists, FIELDS, st.booleans())
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=5,
)


def found(value: AnyValue, names: list[str]) -> Iterator[AnyValue]:
    """Every value that a path leads to; lists stand for their items."""
    if isinstance(value, list):
        if not names:
            yield None  # the list itself is there
        for item in value:
            yield from found(item, names)
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from found(value[names[0]], names[1:])


def same(left: AnyValue, right: AnyValue) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def is_number(value: AnyValue) -> bool:
    return isinstance(value, float) and not isinstance(value, bool)


def holds(where: Filter, document: dict[str, AnyValue]) -> bool:
    match where:
        case All(parts):
            return all(holds(part, document) for part in parts)
        case Any(parts):
            return any(holds(part, document) for part in parts)
        case Not(part):
            return not holds(part, document)
        case Exists(field, present):
            return any(True for _ in found(document, field.split("."))) == present
        case AnyOf(field, values):
            return any(same(v, w) for v in found(document, field.split(".")) for w in values)
        case Prefix(field, prefix):
            return any(isinstance(v, str) and v.startswith(prefix) for v in found(document, field.split(".")))
        case Between(field, gte, gt, lte, lt):
            return any(
                is_number(v)
                and (gte is None or v >= gte)
                and (gt is None or v > gt)
                and (lte is None or v <= lte)
                and (lt is None or v < lt)
                for v in found(document, field.split("."))
            )


def database(documents: list[dict[str, AnyValue]]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    for number, document in enumerate(documents):
        connection.execute(
            "INSERT INTO documents VALUES (?, 1, ?, '', '', '', ?, 1, 1, '', 0, 0)",
            (number, str(number), json.dumps(document)),
        )
        for field, kind, value in metadata.rows(document):
            connection.execute(
                "INSERT INTO metadata_values VALUES (1, ?, ?, ?, ?)", (field, kind, value, number)
            )
            # Another collection's rows must never count.
            connection.execute(
                "INSERT INTO metadata_values VALUES (2, ?, ?, ?, ?)", (field, kind, value, 1000 + number)
            )
    return connection


@settings(max_examples=150)
@given(st.lists(METADATA, min_size=1, max_size=4), FILTERS)
def test_sql_agrees_with_python(documents: list[dict[str, AnyValue]], where: Filter) -> None:
    check_filter(where, "filter")
    connection = database(documents)
    sql, parameters = compile_filter(where, 1)
    matched = connection.execute(f"SELECT d.id FROM documents d WHERE {sql} ORDER BY d.id", parameters)
    assert [number for (number,) in matched] == [
        number for number, document in enumerate(documents) if holds(where, document)
    ]
    connection.close()


@given(FILTERS)
def test_nothing_a_caller_sent_is_in_the_sql(where: Filter) -> None:
    sql, parameters = compile_filter(where, 1)
    assert not any(mark in sql for mark in "'\";$")
    assert sql.count("?") == len(parameters)


def test_the_largest_filter_allowed_runs() -> None:
    leaf = AnyOf("a", tuple(f"v{i}" for i in range(1024)))
    widest = Any((leaf,) * 16)
    many: Filter = All(tuple(Any((Exists("a", True),) * 62) for _ in range(4)))
    deepest: Filter = Exists("a", False)
    for _ in range(7):
        deepest = Not(deepest)
    connection = database([{"a": "v1023"}, {"a": "w"}])
    for where, expected in ((widest, [0]), (many, [0, 1]), (deepest, [0, 1])):
        check_filter(where, "filter")
        sql, parameters = compile_filter(where, 1)
        matched = connection.execute(f"SELECT d.id FROM documents d WHERE {sql} ORDER BY d.id", parameters)
        assert [number for (number,) in matched] == expected
    connection.close()
