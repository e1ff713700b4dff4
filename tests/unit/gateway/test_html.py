import pytest
from gateway.rag.html import read_html
from hypothesis import given
from hypothesis import strategies as st
from serving.errors import InvalidInput


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>one</p><p>two", "one\n\ntwo"),
        ("<h2>Head</h2>body", "## Head\n\nbody"),
        ("a<script>x<b>y</script>z", "az"),
        ("a<svg><svg>in</svg>still</svg>z", "az"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("<p>soft\nbreak <pre>hard\nbreak</pre>", "soft break\n\nhard\nbreak"),
        ("&lt;b&gt; &amp; &euro;", "<b> & €"),
        ("<!-- gone -->kept", "kept"),
    ],
)
def test_what_shows_is_kept(page, text):
    assert read_html(page.encode())[1] == text


def test_title_and_declared_encoding():
    page = "<head><meta charset='iso-8859-1'><title> A \n B </title></head><p>Größe"
    assert read_html(page.encode("iso-8859-1")) == ("A B", "Größe")


@pytest.mark.parametrize("page", [b"\xff\xfe", b"<meta charset=hex>\xff", b"a\0b"])
def test_bytes_that_are_no_text_are_refused(page):
    with pytest.raises(InvalidInput):
        read_html(page)


def test_nesting_costs_nothing():
    assert read_html(b"<div>" * 50_000 + b"deep")[1] == "deep"


@given(st.text(alphabet="<>/!-&;ab='\" ph1", max_size=80))
def test_any_text_is_read(page):
    title, text = read_html(page.encode())
    assert isinstance(title, str)
    assert text == text.strip()
