"""What a server does with its memory once it has loaded what it serves."""

import ctypes
import gc
from contextlib import suppress


def settle() -> None:
    """Give back what loading freed, and look for no garbage among what will live as long as the process."""
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # glibc keeps what is freed unless told
        ctypes.CDLL(None).malloc_trim(0)
