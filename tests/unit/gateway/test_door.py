import json

from gateway.http.door import nesting
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def depth(value) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.booleans())
def test_nesting_is_the_depth_of_the_value(value, ascii_only):
    assert nesting(json.dumps(value, ensure_ascii=ascii_only).encode()) == depth(value)


def test_brackets_in_strings_and_after_escapes_do_not_count():
    assert nesting(rb'{"a\\": ["[[[", "\"[", "\\"]}') == 2
    assert nesting(b'["never closed [[[[') == 1


def test_a_bomb_is_counted_without_a_stack():
    assert nesting(b"[" * 1_000_000) == 1_000_000
    assert nesting(b'"' + b"\\" * 1_000_000) == 0


@given(st.binary(max_size=100))
def test_any_bytes_are_counted(content):
    assert nesting(content) >= 0
