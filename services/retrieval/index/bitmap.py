"""Sets of slots as FAISS selectors want them."""

import numpy as np

from retrieval.domain import Bitmap, Ids


def to_bitmap(slots: Ids, count: int) -> Bitmap:
    """Return the set of these slots out of `count`. An `IDSelectorBitmap` points into it: keep it alive."""
    bits = np.zeros(count, dtype=bool)
    bits[slots] = True
    return np.packbits(bits, bitorder="little")
