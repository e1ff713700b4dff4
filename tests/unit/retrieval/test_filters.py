import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrieval.filters import All, Any, AnyOf, Between, Exists, Filter, Not, Prefix, check_field, check_filter
from serving.errors import InvalidInput


def nested(depth: int) -> Filter:
    where: Filter = Exists("a", True)
    for _ in range(depth - 1):
        where = Not(where)
    return where


@pytest.mark.parametrize("name", ["a", "a.b-c._d", "x" * 64, ".".join("abcdefghijklmnop")])
def test_well_formed_fields(name: str) -> None:
    assert check_field(name, "f") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "x" * 65,
        ".".join("abcdefghijklmnopq"),
        "a b",
        "a'",
        'a"',
        "$.a",
        "é",
        "a\n",
    ],
)
def test_malformed_fields(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"condition\.field"):
        check_filter(AnyOf(name, ("x",)), "filter")


def test_depth_is_bounded() -> None:
    check_filter(nested(8), "filter")
    with pytest.raises(InvalidInput, match="nested more than 8"):
        check_filter(nested(9), "filter")


def test_parts_are_bounded() -> None:
    leaf = Exists("a", True)
    check_filter(All((All((leaf,) * 64), All((leaf,) * 64), All((leaf,) * 64), All((leaf,) * 59))), "f")
    with pytest.raises(InvalidInput, match="256 parts"):
        check_filter(All((All((leaf,) * 64),) * 4), "f")


def test_values_are_bounded_over_the_whole_filter() -> None:
    leaf = AnyOf("a", tuple(map(str, range(1024))))
    check_filter(Any((leaf,) * 16), "f")
    with pytest.raises(InvalidInput, match="16384 values"):
        check_filter(Any((leaf,) * 17), "f")


@pytest.mark.parametrize(
    ("where", "field"),
    [
        (All(()), "f.all.filters"),
        (Any((Exists("a", True),) * 65), "f.any.filters"),
        (All((Not(AnyOf("a", ())),)), r"f.all.filters\[0\].not.condition.any_of"),
        (Between("a"), "f.condition.range"),
        (Between("a", gte=float("nan")), "f.condition.range"),
        (Between("a", lt=float("inf")), "f.condition.range"),
        (AnyOf("a", (float("nan"),)), "f.condition"),
        (Prefix("a", ""), "f.condition.prefix"),
        (Prefix("a", "é" * 513), "f.condition.prefix"),
    ],
)
def test_the_part_at_fault_is_named(where: Filter, field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        check_filter(where, "f")


@given(st.text(max_size=20))
def test_no_field_slips_past_the_pattern(name: str) -> None:
    try:
        check_field(name, "f")
    except InvalidInput:
        return
    assert all(c.isascii() and (c.isalnum() or c in "_-.") for c in name)
