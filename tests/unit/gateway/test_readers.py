import io

import pytest
from gateway.domain.ingest import File
from gateway.rag.readers import read_file
from pypdf import PdfWriter
from serving.errors import InvalidInput


async def test_markdown_takes_its_title_from_the_heading():
    read = await read_file(File("a.md", b"# Title\n\nBody"))
    assert (read.title, read.text) == ("Title", "# Title\n\nBody")


async def test_html_shows_what_a_reader_sees():
    page = b"<html><head><title>T</title><script>evil()</script></head><body><h1>H</h1><p>one<br>two</body>"
    read = await read_file(File("a.html", page))
    assert read.title == "T"
    assert read.text == "# H\n\none\ntwo"


async def test_records_are_read_by_extension_or_media_type():
    lines = b'{"a": "x\\ud800", "b": 1}\n'
    assert (await read_file(File("a.jsonl", lines))).text == "a: x?\nb: 1"
    assert (await read_file(File("a", lines, media_type="application/jsonl; charset=utf-8"))).text[0] == "a"
    assert (await read_file(File("a.csv", b"a,b\n1,2\n"))).text == "a: 1\nb: 2"


@pytest.mark.parametrize(
    ("file", "field"),
    [
        (File("a.exe", b"x"), "file.media_type"),
        (File("a.txt", b"x", media_type="image/png"), "file.media_type"),
        (File("a.txt", b""), "file.data"),
        (File("a.txt", b"\xff\xfe"), "file.data"),
        (File("a.txt", b"a\0b"), "file.data"),
        (File("a.txt", b"  \n"), "file.data"),
        (File("a.pdf", b"not a pdf"), "file.data"),
        (File("a.jsonl", b"{"), "file.data"),
        (File("a.csv", b"name,age\n"), "file.data"),
    ],
)
async def test_what_cannot_be_read_names_the_field(file, field):
    with pytest.raises(InvalidInput) as caught:
        await read_file(file)
    assert caught.value.field == field


async def test_an_encrypted_pdf_is_refused():
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    writer.encrypt("secret", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    with pytest.raises(InvalidInput, match="encrypted"):
        await read_file(File("a.pdf", buffer.getvalue()))
