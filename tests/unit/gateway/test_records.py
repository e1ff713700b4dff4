import json

import pytest
from gateway.rag.records import read_csv, read_json_lines
from hypothesis import given
from hypothesis import strategies as st
from serving.errors import InvalidInput

LIMIT = 10_000


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ('{"title": "A", "year": 2020}\n\n{"title": "B", "year": null}\n', "title: A\nyear: 2020\n\nB"),
        ('{"text": " only "}\r\n"plain"\n[1, {"a": "é"}]', 'only\n\nplain\n\n[1, {"a": "é"}]'),
        ('{}\n{"a": {"b": true}, "c": "d\\u2028e"}', 'a: {"b": true}\nc: d\u2028e'),
    ],
)
def test_json_lines_are_a_paragraph_a_record(lines, text):
    assert read_json_lines(lines, LIMIT) == text


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("name,age\nAnn,3\nBob,\n", "name: Ann\nage: 3\n\nBob"),
        ('name;said\nAnn;"yes; ""no""\nmaybe"\n', 'name: Ann\nsaid: yes; "no"\nmaybe'),
        ("a\tb\n1\t2\t3\n", "a: 1\nb: 2\ncolumn 3: 3"),
        ("a,,c\r\n1,2,3\r\n\r\n", "a: 1\ncolumn 2: 2\nc: 3"),
        ("a,b\nx\u2028y,z\n", "a: x\u2028y\nb: z"),
        ("a,b\n", ""),
    ],
)
def test_csv_rows_are_named_by_the_first(rows, text):
    assert read_csv(rows, LIMIT) == text


@pytest.mark.parametrize(
    ("lines", "line"), [('{"a": 1}\n{"a": ', 2), ("[" * 100_000, 1), ("\n\n" + "9" * 5000, 3)]
)
def test_a_line_that_is_no_json_is_named(lines, line):
    with pytest.raises(InvalidInput, match=f"line {line} is not JSON") as caught:
        read_json_lines(lines, LIMIT)
    assert caught.value.field == "file.data"


def test_a_field_that_csv_cannot_hold_names_its_line():
    with pytest.raises(InvalidInput, match="line 2 is not CSV"):
        read_csv("a,b\n" + "x" * 200_000 + ",y\n", LIMIT)


def test_long_names_do_not_make_a_short_file_a_long_text():
    with pytest.raises(InvalidInput, match="more than 10000 bytes"):
        read_csv("x" * 5000 + ",b\n" + "1,2\n" * 1000, LIMIT)
    assert read_csv("," * 100_000 + "\n" + "1\n" * 5000, 20_000)  # nor columns without values a long wait


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=8))
def test_every_value_is_kept(records):
    text = read_json_lines("\n".join(map(json.dumps, records)), 10**6)
    assert all(value.strip() in text for record in records for value in record.values())


@given(st.text(alphabet='ab,;"\n\r\t|\u2028', max_size=80))
def test_any_csv_is_read_or_refused(text):
    try:
        assert isinstance(read_csv(text, LIMIT), str)
    except InvalidInput as error:
        assert error.field == "file.data"
