"""Where ids lie among ascending ids, and sets of places as FAISS selectors want them."""

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import Bitmap, Ids


def find(held: Ids, ids: Ids) -> Ids:
    """Return the places in `held` (ascending) of those `ids` that it has, in the order of `ids`."""
    places = np.searchsorted(held, ids)
    inside = places < len(held)
    places, ids = places[inside], ids[inside]
    return np.asarray(places[held[places] == ids], dtype=np.int64)


def common(held: Ids, ids: Ids) -> Ids:
    """Return the places in `held` of those `ids` that it has; both ascend."""
    if len(ids) <= len(held):
        return find(held, ids)
    return np.flatnonzero(~lacking(ids, held))  # the fewer are looked up among the more


def lacking(held: Ids, ids: Ids) -> NDArray[np.bool_]:
    """Return for each of `ids` whether `held` (ascending) lacks it."""
    if not len(held):
        return np.ones(len(ids), dtype=bool)
    return np.asarray(held[np.searchsorted(held, ids).clip(max=len(held) - 1)] != ids)


def to_bitmap(places: Ids, count: int) -> Bitmap:
    """Return the set of these places out of `count`. An `IDSelectorBitmap` points into it: keep it alive."""
    bits = np.zeros(count, dtype=bool)
    bits[places] = True
    return np.packbits(bits, bitorder="little")


def members(bitmap: Bitmap | None, count: int) -> int:
    """Return how many places are in such a set; None stands for all of `count`."""
    return count if bitmap is None else int(np.bitwise_count(bitmap).sum())


def to_places(bitmap: Bitmap | None, count: int) -> Ids:
    """Return the places of such a set, ascending; None stands for all."""
    if bitmap is None:
        return np.arange(count)
    return np.flatnonzero(np.unpackbits(bitmap, count=count, bitorder="little"))
