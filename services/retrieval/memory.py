"""How glibc's allocator gives memory back to the system; where there is another, nothing is done."""

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
# Of vectors, graphs and messages: what is larger is a mapping of its own, which goes as soon as it is freed.
_MAPPED = 1 << 20


def map_large_blocks() -> None:
    """Map large blocks for good. Left to itself glibc maps none smaller than the largest that was freed, up to 32 MiB.

    A vector index grows and is built anew again and again: holes of that size would be left behind.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED)


def give_back() -> None:
    """Have what is free among small blocks given back, too. Takes milliseconds, and other threads wait for it."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
