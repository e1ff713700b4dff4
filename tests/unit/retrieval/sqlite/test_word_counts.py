from hypothesis import given
from hypothesis import strategies as st
from retrieval.store.sqlite.word_counts import Moment, WordCounts

NOW = Moment(1000, 500)


class Counter:
    def __init__(self, count: int) -> None:
        self.count, self.calls = count, 0

    def __call__(self) -> int:
        self.calls += 1
        return self.count


def test_a_word_is_counted_once_by_collection_and_epoch() -> None:
    counts, counter = WordCounts(), Counter(3)
    for epoch, collection, word in [(0, 1, "a"), (0, 1, "a"), (1, 1, "a"), (0, 2, "a"), (0, 1, "b")]:
        assert counts.get(epoch, collection, NOW, word, counter) == 3
    assert counter.calls == 4


def test_a_count_holds_while_little_changes() -> None:
    counts, counter = WordCounts(), Counter(320)
    assert counts.get(0, 1, NOW, "a", counter) == 320
    assert counts.get(0, 1, Moment(1005, 495), "a", counter) == 305
    assert counts.get(0, 1, Moment(995, 500), "a", counter) == 310  # a view of before
    assert counter.calls == 1
    assert counts.get(0, 1, Moment(1011, 500), "a", counter) == 320
    assert counter.calls == 2


def test_what_was_in_no_chunk_is_counted_after_every_change() -> None:
    counts, counter = WordCounts(), Counter(0)
    assert counts.get(0, 1, NOW, "a", counter) == counts.get(0, 1, NOW, "a", counter) == 0
    counter.count = 1
    assert counts.get(0, 1, Moment(1001, 501), "a", counter) == 1


def test_the_words_used_last_are_known() -> None:
    counts, counter = WordCounts(), Counter(1)
    for word in range(20_000):
        counts.get(0, 1, NOW, str(word), counter)
        counts.get(0, 1, NOW, "0", counter)
    assert counter.calls == 20_000
    assert len(counts._kept) == 16_384


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9)), max_size=6
    ),  # chunks that come with the word, that go with it, and that come elsewhere
    st.integers(0, 400),
)
def test_a_count_never_exceeds_what_is_there(changes: list[tuple[int, int, int]], first: int) -> None:
    counts, last, there = WordCounts(), first, first
    counts.get(0, 1, Moment(last, there), "a", lambda: there)
    for come, go, elsewhere in changes:
        last, there = last + come + elsewhere, there + come - min(go, there)
        truth = there
        told = counts.get(0, 1, Moment(last, there), "a", lambda truth=truth: truth)
        assert told <= truth
        assert bool(told) == bool(truth)
