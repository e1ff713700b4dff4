import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textgen.tools.json_text import MAX_DEPTH, ObjectEnd, members, parse_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(OBJECTS, st.booleans(), st.sampled_from(["", "}", '"', ' {"a": 1}', "x"]), st.integers(1, 9))
def test_the_end_of_an_object_is_found_wherever_it_is_cut(value, ascii_only, after, step) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    end = ObjectEnd()
    for place in range(0, len(text + after), step):
        assert end.find("") is None
        if (found := end.find((text + after)[place : place + step])) is not None:
            assert place + found == len(text)
            return
    pytest.fail("no end")


@given(OBJECTS, st.sampled_from([None, 2]))
def test_members_are_the_text_of_their_values(value, indent) -> None:
    found = members(json.dumps(value, indent=indent))
    assert {key: json.loads(text) for key, text in found.items()} == value


def test_a_members_text_is_kept_as_it_is() -> None:
    assert members('{ "a" :[1.0,  2e1 ] , "b":{}}') == {"a": "[1.0,  2e1 ]", "b": "{}"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a"}', '{"a":1,}', "{1:2}", '{"a":1} x', '{"a":1 "b":2}', "{,}"]
)
def test_what_is_no_object_has_no_members(text) -> None:
    with pytest.raises(ValueError):
        members(text)


@given(st.text())
def test_any_text_has_members_or_is_refused(text) -> None:
    for case in (text, "{" + text, '{"a":' + text + "}"):
        try:
            members(case)
        except ValueError:
            continue
        json.loads(case)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "no JSON"),
        ("[]", "no JSON object"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "Out of range"),
        (r'{"a": "\ud800"}', "surrogates"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "deeper"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "deeper"),
    ],
)
def test_what_cannot_be_said_again_is_refused(text, why) -> None:
    with pytest.raises(ValueError, match=why):
        parse_object(text)


def test_objects_are_taken_up_to_a_depth() -> None:
    assert parse_object('{"a":' * (MAX_DEPTH - 1) + "[]" + "}" * (MAX_DEPTH - 1))
