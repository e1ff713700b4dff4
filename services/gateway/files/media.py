"""What an uploaded file is read as."""

from gateway.domain.files import StoredFile
from gateway.rag.readers import MEDIA_TYPES, media_type_by_name

_AS_TEXT = frozenset(
    {"application/json", "application/x-sh", "application/xml", "application/yaml", "application/x-tex"}
)


def media_type_of(file: StoredFile) -> str:
    """By its name, else by what its uploader said; other kinds of text, such as source code, are plain text."""
    said = file.media_type.partition(";")[0].strip().lower()
    if known := media_type_by_name(file.filename):
        return known
    if said not in MEDIA_TYPES and (said.startswith("text/") or said in _AS_TEXT):
        return "text/plain"
    return said
