import pytest
from retrieval.domain import Passage, Reference
from retrieval.kept import KeptPassages, size


def passage(number: int, text: str = "x") -> Passage:
    return Passage(f"d{number}#0", f"d{number}", 0, text, "", "", 0, 0, {}, "")


def encode(passage: Reference) -> bytes:
    return (passage.text if isinstance(passage, Passage) else passage.id).encode()


@pytest.fixture
def kept() -> KeptPassages:
    """Room for three small ones."""
    return KeptPassages(3 * 1100, encode)


def test_passages_come_back_with_their_form(kept: KeptPassages) -> None:
    made = kept.put(0, {1: passage(1, "one")})
    assert (made[1].passage, made[1].encoded) == (passage(1, "one"), b"one")
    assert made[1].encoded_reference == b"d1#0"
    assert kept.get(0, [1, 2]) == made


def test_what_was_used_last_is_kept(kept: KeptPassages) -> None:
    for number in (1, 2, 3):
        kept.put(0, {number: passage(number)})
    kept.get(0, [1])
    kept.put(0, {4: passage(4)})
    assert sorted(kept.get(0, range(5))) == [1, 3, 4]


def test_what_is_larger_than_all_there_is_room_for_is_told_and_not_kept(kept: KeptPassages) -> None:
    made = kept.put(0, {1: passage(1, "x" * 4000)})
    assert size(made[1]) > 3 * 1100
    assert kept.get(0, [1]) == {}


def test_what_is_kept_twice_counts_once(kept: KeptPassages) -> None:
    for _ in range(9):
        kept.put(0, {number: passage(number) for number in (1, 2, 3)})
    assert sorted(kept.get(0, range(5))) == [1, 2, 3]


def test_a_new_epoch_drops_what_was_kept_and_an_old_one_keeps_nothing(kept: KeptPassages) -> None:
    kept.put(0, {1: passage(1, "old"), 2: passage(2)})
    kept.put(1, {1: passage(1, "new")})
    kept.put(0, {3: passage(3)})
    assert kept.get(0, [1, 2, 3]) == {}
    assert {number: item.encoded for number, item in kept.get(1, [1, 2, 3]).items()} == {1: b"new"}
