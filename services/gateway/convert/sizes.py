"""Sizes of strings in requests."""

from serving.errors import InvalidInput


def check_size(field: str, value: str, most: int, least: int = 1) -> None:
    """Raise InvalidInput unless the string has `least` to `most` bytes."""
    if not least <= len(value.encode()) <= most:
        raise InvalidInput(field, f"must be {least} to {most} bytes of UTF-8")
