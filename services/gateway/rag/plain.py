"""What any text must be to be stored."""


def storable(text: str) -> str:
    """Without NULs and lone surrogates, which damaged fonts and JSON's escapes can bring and UTF-8 cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
