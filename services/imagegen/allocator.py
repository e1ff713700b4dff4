"""Memory that a pass frees stays with the process, for the next pass needs as much."""

import ctypes
from contextlib import suppress

# Parameters of glibc's mallopt.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MIB = 2**20


def keep_pages() -> None:
    """Have malloc give no pages back to the system, which would fill each with zeros again at the next pass.

    A pass of 16 rows of the starter model met 900 such page faults on a CPU, and took a tenth longer. Tensors above
    32 MiB, glibc's limit, still come and go. Another C library is left as it is.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 32 * _MIB)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 * _MIB)
