import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.image.batches import POLICIES, Queue


def test_one_by_one_waits_for_nobody():
    waiting = Queue(POLICIES["serial"])
    assert waiting.wait_s(0.0) is None
    waiting.add("a", 10, 0.0)
    waiting.add("b", 10, 0.0)
    assert waiting.wait_s(0.0) == 0
    assert waiting.take() == ["a"] and waiting.take() == ["b"]


def test_a_batch_waits_five_milliseconds_for_others():
    waiting = Queue(POLICIES["by-steps"])
    waiting.add("a", 10, 1.0)
    assert waiting.wait_s(1.002) == pytest.approx(0.003)
    assert waiting.wait_s(1.006) == 0


def test_a_full_batch_does_not_wait():
    waiting = Queue(POLICIES["by-steps"])
    for place in range(7):
        waiting.add(place, 10, 1.0)
        waiting.add(-place, 20, 1.0)
    assert waiting.wait_s(1.0) > 0
    waiting.add(7, 10, 1.0)
    assert waiting.wait_s(1.0) == 0
    assert waiting.take() == list(range(8))


def test_by_steps_the_oldest_chooses_and_only_those_that_agree_come_along():
    waiting = Queue(POLICIES["by-steps"])
    for item, steps in (("a", 50), ("b", 10), ("c", 50), ("d", 10)):
        waiting.add(item, steps, 0.0)
    assert [waiting.take(), waiting.take()] == [["a", "c"], ["b", "d"]]
    assert waiting.wait_s(9.0) is None


def test_padded_all_come_along():
    waiting = Queue(POLICIES["padded"])
    for place, steps in enumerate((50, 10, 20) * 4):
        waiting.add(place, steps, 0.0)
    assert waiting.take() == list(range(8)) and waiting.take() == [8, 9, 10, 11]


@given(st.sampled_from(sorted(POLICIES)), st.lists(st.sampled_from((10, 20, 50)), max_size=40))
def test_everyone_is_taken_once_and_those_of_equal_steps_in_order(name, steps):
    policy = POLICIES[name]
    waiting = Queue(policy)
    for place, count in enumerate(steps):
        waiting.add(place, count, 0.0)
    taken = []
    while waiting.wait_s(1.0) is not None:
        assert waiting.wait_s(1.0) == 0
        batch = waiting.take()
        assert 1 <= len(batch) <= policy.most
        assert policy.mixes_steps or len({steps[place] for place in batch}) == 1
        assert batch[0] == min(set(range(len(steps))) - set(taken))
        taken += batch
    assert sorted(taken) == list(range(len(steps)))
    for count in (10, 20, 50):
        own = [place for place in taken if steps[place] == count]
        assert own == sorted(own)
