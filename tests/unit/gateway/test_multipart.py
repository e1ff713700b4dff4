"""Forms, written by httpx and by hand."""

import httpx
import pytest
from gateway.http.multipart import MAX_PARTS, Form, Upload, parse_form
from hypothesis import given
from hypothesis import strategies as st
from serving.errors import InvalidInput

NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
# As they are: httpx writes control characters as %1F, which nobody reads back.
FILENAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="%"), min_size=1
)
FILE = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'


def written(**form):
    request = httpx.Request("POST", "http://x", **form)
    return request.headers["content-type"], request.read()


@given(
    st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"))),
    st.dictionaries(NAMES, st.tuples(FILENAMES, st.binary()), min_size=1),
)
def test_what_a_client_writes_is_read(fields, files):
    form = parse_form(*written(data=fields, files=files))
    assert form.fields == fields
    assert {name: [(item.filename, item.data) for item in items] for name, items in form.files.items()} == {
        name: [file] for name, file in files.items()
    }


@given(st.binary(), st.sampled_from([b"", FILE]))
def test_any_bytes_are_a_form_or_invalid_input(content, before):
    for after in (b"", b"\r\n--x--"):
        try:
            form = parse_form("multipart/form-data; boundary=x", before + content + after)
        except InvalidInput:
            continue
        assert isinstance(form, Form)
        if before and b"\r\n--x" not in content:
            assert form.files == {"f": [Upload("a", "", content)]}


def test_files_of_one_field_keep_their_order_and_types():
    files = [("image[]", ("a.png", b"1", "image/png")), ("image[]", ("b.txt", b"2", "text/plain"))]
    form = parse_form(*written(files=files))
    assert form.files["image"] == [Upload("a.png", "image/png", b"1"), Upload("b.txt", "text/plain", b"2")]
    with pytest.raises(InvalidInput, match="image: must be one file"):
        form.file("image")


def test_quoted_names_are_read_as_curl_and_browsers_write_them():
    head = FILE.replace(b'filename="a"', rb'filename="a \"b\" %22c%22 \\d\e"')
    form = parse_form('multipart/form-data; boundary="x"', head + b"1\r\n--x--\r\n")
    assert form.files["f"][0].filename == 'a "b" "c" \\d\\e'


FIELD = b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n'
BAD = {
    "no boundary": ("multipart/form-data", FIELD + b"--x--"),
    "another type": ("application/json; boundary=x", FIELD + b"--x--"),
    "another boundary": ("multipart/form-data; boundary=y", FIELD + b"--x--"),
    "no end": ("multipart/form-data; boundary=x", FIELD),
    "no headers": ("multipart/form-data; boundary=x", b"--x\r\n\r\n1\r\n--x--"),
    "no name": ("multipart/form-data; boundary=x", FIELD.replace(b"name=", b"nym=") + b"--x--"),
    "an attachment": (
        "multipart/form-data; boundary=x",
        FIELD.replace(b"form-data", b"attachment") + b"--x--",
    ),
    "a field twice": ("multipart/form-data; boundary=x", FIELD * 2 + b"--x--"),
    "no UTF-8": ("multipart/form-data; boundary=x", FIELD.replace(b"\n1", b"\n\xff") + b"--x--"),
    "long headers": ("multipart/form-data; boundary=x", FIELD.replace(b'n"', b"n" * 4096 + b'"') + b"--x--"),
    "too many parts": ("multipart/form-data; boundary=x", FILE * (MAX_PARTS + 1) + b"--x--"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_form_is_refused(what):
    with pytest.raises(InvalidInput):
        parse_form(*BAD[what])
