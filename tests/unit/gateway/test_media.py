import pytest
from gateway.domain.files import StoredFile
from gateway.files.media import media_type_of


@pytest.mark.parametrize(
    ("name", "said", "read_as"),
    [
        ("a.md", "application/octet-stream", "text/markdown"),
        ("A.PDF", "", "application/pdf"),
        ("a", "text/HTML; charset=utf-8", "text/html"),
        ("a.py", "text/x-python", "text/plain"),
        ("a.json", "application/json", "text/plain"),
        ("a.mp4", "video/mp4", "video/mp4"),
        ("a", "", ""),
    ],
)
def test_a_file_is_read_by_its_name_then_by_what_its_uploader_said(name, said, read_as):
    assert media_type_of(StoredFile("file-0", name, "user_data", said, 1, 0)) == read_as
