import numpy as np
import pytest
from retrieval.postings import Postings
from retrieval.store.sqlite import remembered
from retrieval.store.sqlite.remembered import KeptPostings

VIEW = (0, 1, 7)
COUNT = 100


class Source:
    """Postings of 100 chunks each; it notes what was read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, word: str) -> Postings:
        self.read.append(word)
        return Postings(np.arange(COUNT), np.full(COUNT, float(len(self.read))))


SIZE = remembered._size(Source()("a"))


def test_few_are_read_at_once_and_then_known() -> None:
    kept, source = KeptPostings(), Source()
    first = kept.get(VIEW, {"a": 100, "b": 2000}, source)
    again = kept.get(VIEW, {"b": 2000, "a": 100}, source)
    assert first is not None and again is not None
    assert (source.read, again[0] is first[1], again[1] is first[0]) == (["a", "b"], True, True)


def test_many_are_read_when_asked_for_again() -> None:
    kept, source = KeptPostings(), Source()
    assert kept.get(VIEW, {"a": 2001, "b": 100}, source) is None
    assert source.read == []
    assert kept.get(VIEW, {"a": 2001}, source) is not None
    assert kept.get(VIEW, {"a": 2001, "c": 5000}, source) is None
    assert source.read == ["a"]


def test_another_view_is_read_anew() -> None:
    kept, source = KeptPostings(), Source()
    for view in (VIEW, (0, 1, 8), (1, 1, 7), (0, 2, 7)):
        kept.get(view, {"a": 1}, source)
    assert source.read == ["a"] * 4
    assert kept.get((0, 3, 7), {"b": 9999}, source) is kept.get((0, 4, 7), {"b": 9999}, source) is None


def test_what_is_used_is_not_driven_out() -> None:
    kept, source = KeptPostings(3 * SIZE), Source()
    for word in ("a", "b", "a"):
        assert kept.get(VIEW, {word: COUNT}, source) is not None
    for _ in range(2 * remembered._RECENT):  # there is room for two and a bit
        assert kept.get(VIEW, {"c": COUNT, "a": COUNT}, source) is None
        assert kept.get(VIEW, {"b": COUNT}, source) is not None
    assert source.read == ["a", "b"]


def test_what_is_not_used_any_more_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_RECENT", 3)
    kept, source = KeptPostings(3 * SIZE), Source()
    kept.get(VIEW, {"a": COUNT}, source)
    kept.get(VIEW, {"b": COUNT}, source)
    found = [kept.get(VIEW, {"c": COUNT}, source) is not None for _ in range(3)]
    assert found == [False, True, True]
    assert kept.get(VIEW, {"b": COUNT}, source) is not None
    assert source.read == ["a", "b", "c"]
    assert kept._bytes == 2 * SIZE <= 3 * SIZE


def test_who_reads_has_its_room_reserved() -> None:
    kept, source = KeptPostings(3 * SIZE), Source()

    def read(word: str) -> Postings:
        if word == "a":
            assert kept.get(VIEW, {"b": COUNT}, source) is not None
            assert kept.get(VIEW, {"c": COUNT}, source) is None
        return source(word)

    assert kept.get(VIEW, {"a": COUNT}, read) is not None
    assert (source.read, kept._bytes) == (["b", "a"], 2 * SIZE)


def test_a_read_that_fails_leaves_nothing() -> None:
    kept = KeptPostings()

    def fail(word: str) -> Postings:
        raise OSError

    with pytest.raises(OSError):
        kept.get(VIEW, {"a": COUNT}, fail)
    assert (kept._bytes, len(kept._kept)) == (0, 0)


def test_a_word_for_which_there_is_no_room_is_never_read() -> None:
    kept, source = KeptPostings(64_000), Source()
    for _ in range(3):
        assert kept.get(VIEW, {"a": 4000}, source) is None
    nothing = KeptPostings(0)
    for _ in range(3):
        assert nothing.get(VIEW, {"a": 1}, source) is None
    assert source.read == []
