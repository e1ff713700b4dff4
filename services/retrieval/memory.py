"""How memory comes from the system and goes back, with Linux and glibc; elsewhere nothing is done."""

import contextlib
import ctypes
import mmap

_LARGE_PAGE = 2 << 20
_MADV_COLLAPSE = 25  # Linux 6.1; Python does not name it yet
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


def use_large_pages(address: int, size: int) -> None:
    """Have a block in pages of 2 MiB, now where the system can, else by and by. Takes as long as copying it.

    Who reads here and there in a large block, a kilobyte at a time, waits for the addresses of most pages too.
    """
    begin = -(-address // _LARGE_PAGE) * _LARGE_PAGE
    length = (address + size) // _LARGE_PAGE * _LARGE_PAGE - begin
    if length <= 0:
        return
    with contextlib.suppress(AttributeError):
        for advice in (mmap.MADV_HUGEPAGE, _MADV_COLLAPSE):
            ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), advice)
