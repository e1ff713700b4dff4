import numpy as np
import pytest
from retrieval.domain import Ids
from retrieval.store.sqlite.chunk_sets import ChunkSets, size

SIZE = size("a", np.arange(10, dtype=np.int64))


class Maker:
    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Ids:
        self.made += 1
        return np.arange(10, dtype=np.int64)


def test_a_set_is_made_once_and_cannot_be_changed() -> None:
    sets, make = ChunkSets(2 * SIZE), Maker()
    assert sets.get("a", make) is sets.get("a", make)
    assert make.made == 1
    with pytest.raises(ValueError, match="read-only"):
        sets.get("a", make)[0] = 7


def test_the_least_used_goes_first() -> None:
    sets, make = ChunkSets(2 * SIZE), Maker()
    for key in ("a", "b", "a", "c", "a"):
        sets.get(key, make)
    assert make.made == 3
    sets.get("b", make)
    assert make.made == 4


def test_one_too_large_is_not_kept_and_drives_nothing_out() -> None:
    sets, make = ChunkSets(SIZE), Maker()
    sets.get("a", make)
    sets.get("large", lambda: np.arange(100, dtype=np.int64))
    sets.get("a", make)
    assert make.made == 1


def test_clearing_forgets() -> None:
    sets, make = ChunkSets(2 * SIZE), Maker()
    sets.get("a", make)
    sets.clear()
    sets.get("a", make)
    assert (make.made, sets.epoch) == (2, 1)


def test_empty_sets_take_room_too_and_so_do_long_keys() -> None:
    for key in ("{}", "{}" + 1000 * "x"):
        sets, make = ChunkSets(20 * SIZE), Maker()
        sets.get("a", make)
        for number in range(1000):
            sets.get(key.format(number), lambda: np.empty(0, dtype=np.int64))
        assert len(sets._kept) < 30
        sets.get("a", make)
        assert make.made == 2
    assert len(sets._kept) < 10
