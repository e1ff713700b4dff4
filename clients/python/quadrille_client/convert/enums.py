"""Enum values as lower-case words, derived from their proto names."""

from typing import Any


def word(enum: Any, value: int) -> Any:
    """The word of a value: CAPABILITY_FILL_MASK is "fill_mask"; "unknown" for one newer than this client."""
    names = enum.DESCRIPTOR.values_by_number
    return names[value].name.removeprefix(_prefix(enum)).lower() if value in names else "unknown"


def value(enum: Any, text: str | None, argument: str) -> Any:
    """The value of a word; None is the unspecified value. Raises ValueError naming the argument."""
    if text is None:
        return 0
    name = _prefix(enum) + text.upper()
    if name not in enum.DESCRIPTOR.values_by_name:
        known = [word(enum, number) for number in enum.DESCRIPTOR.values_by_number if number]
        raise ValueError(f"{argument} must be one of {known}, not {text!r}")
    return enum.Value(name)


def _prefix(enum: Any) -> str:
    unspecified: str = enum.DESCRIPTOR.values_by_number[0].name
    return unspecified.removesuffix("UNSPECIFIED")
