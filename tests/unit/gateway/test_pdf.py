"""PDFs written by hand: a good one, and what a crafted one may try."""

import os
import sys
import zlib

import pytest
from gateway.rag.pdf import extract, read_pdf
from serving.errors import InvalidInput, Overloaded


def pdf(texts: list[str], *, title: str = "", deflated: bytes | None = None) -> bytes:
    """A PDF of one line a page; `deflated` stands in for the first page's compressed content."""
    pages = " ".join(f"{4 + 2 * place} 0 R" for place in range(len(texts)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(texts)} /Kids [{pages}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for place, text in enumerate(texts):
        content = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode("cp1252")
        packed = deflated if deflated is not None and place == 0 else zlib.compress(content)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents {5 + 2 * place} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        head = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + packed + b"\nendstream")
    objects.append(f"<< /Title ({title}) >>".encode())
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n".encode()
    return bytes(out) + f"startxref\n{start}\n%%EOF\n".encode()


async def test_pages_and_title_are_read_in_a_process_of_their_own():
    assert await read_pdf(pdf(["First page", "Größe"], title="Report")) == ("Report", "First page\n\nGröße")


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Has the child read in another way, given as Python; it is under the same limits."""

    def reads(way):
        source = f"from gateway.rag import pdf\n{way}\npdf._main()\n"
        (tmp_path / "other_reader.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
        monkeypatch.setattr("gateway.rag.pdf.__name__", "other_reader")

    return reads


@pytest.mark.parametrize(
    "way",
    [
        "pdf.extract = lambda data: bytearray(2**31)",
        "pdf._CPU_SECONDS = 1\ndef forever(data):\n    while True: pass\npdf.extract = forever",
        "import os\npdf.extract = lambda data: os.abort()",
    ],
    ids=["memory", "time", "crash"],
)
async def test_a_reader_that_takes_too_much_or_dies_refuses_the_file(child, way):
    child(way)
    with pytest.raises(InvalidInput, match="more memory or time") as caught:
        await read_pdf(pdf(["x"]))
    assert caught.value.field == "file.data"


async def test_a_reader_that_does_not_end_is_killed(child, monkeypatch, tmp_path):
    child(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "pdf.extract = lambda data: time.sleep(600)"
    )
    monkeypatch.setattr("gateway.rag.pdf._WALL_SECONDS", 3.0)
    with pytest.raises(Overloaded):
        await read_pdf(pdf(["x"]))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_too_many_pages_are_refused():
    with pytest.raises(InvalidInput, match="2001 pages"):
        extract(pdf(["x"] * 2001))


def test_a_bomb_is_refused():
    squeeze = zlib.compressobj(9)
    bomb = b"".join(squeeze.compress(b" " * 2**20) for _ in range(400)) + squeeze.flush()
    with pytest.raises(InvalidInput) as caught:
        extract(pdf(["x"], deflated=bomb))
    assert caught.value.field == "file.data"


@pytest.mark.parametrize("cut", [5, 60, 200, 400, 700])
def test_truncated_files_are_refused_or_read(cut):
    data = pdf(["First page", "second"])[:cut]
    try:
        _, text = extract(data)
    except InvalidInput as error:
        assert error.field == "file.data"
    else:
        assert isinstance(text, str)
