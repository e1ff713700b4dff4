import numpy as np
from retrieval.domain import Ids
from retrieval.index.known_sets import KnownSets, Places
from retrieval.index.places import to_bitmap


class Finder:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, ids: Ids) -> Places:
        self.calls += 1
        return to_bitmap(ids, 100), len(ids)


def fixed(*ids: int) -> Ids:
    made = np.array(ids, dtype=np.int64)
    made.flags.writeable = False
    return made


def test_a_set_is_found_once() -> None:
    sets, find, ids = KnownSets(), Finder(), fixed(3, 5)
    first, again = sets.get(ids, find), sets.get(ids, find)
    assert first is again
    assert (first[1], find.calls) == (2, 1)
    assert sets.get(fixed(3, 5), find) is not first


def test_what_may_be_written_to_is_found_anew() -> None:
    sets, find, ids = KnownSets(), Finder(), np.array([3, 5])
    assert sets.get(ids, find)[1] == 2
    ids[0] = 4
    assert np.array_equal(sets.get(ids, find)[0], to_bitmap(np.array([4, 5]), 100))


def test_what_was_known_is_cleared() -> None:
    sets, find, ids = KnownSets(), Finder(), fixed(3)
    sets.get(ids, find)
    sets.clear()
    sets.get(ids, find)
    assert find.calls == 2


def test_the_last_used_are_known() -> None:
    sets, find, first = KnownSets(), Finder(), fixed(99)
    others = [fixed(number) for number in range(16)]
    for ids in (first, *others[:15], first, others[15]):
        sets.get(ids, find)
    assert find.calls == 17
    sets.get(first, find)
    assert find.calls == 17
    sets.get(others[0], find)
    assert find.calls == 18


def test_arrays_are_not_kept_nor_taken_for_others() -> None:
    sets, find = KnownSets(), Finder()
    for number in range(50):
        ids = fixed(number)  # mostly where the one before was
        assert np.array_equal(sets.get(ids, find)[0], to_bitmap(np.array([number]), 100))
        del ids
    assert find.calls == 50
