"""Pools of batches: alike in length, of about as many tokens, and the same wherever one begins."""

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from starter.pooling import POOL, batches

BATCH_TOKENS = 200


def draw(rng: random.Random, step: int) -> Iterator[list[int]]:
    while True:
        yield [rng.randint(1, 60) + 100 * (step >= 2 * POOL) for _ in range(3)]


def drawn(name: str, start: int, stop: int) -> list[list[int]]:
    return list(batches(name, start, stop, BATCH_TOKENS, draw, lambda length: (length,)))


@given(stop=st.integers(1, 40), data=st.data())
def test_a_step_s_batch_is_the_same_wherever_training_resumes(stop: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, stop))
    whole = drawn("a", 0, stop)
    assert len(whole) == stop
    assert drawn("a", start, stop) == whole[start:]


def test_a_name_seeds_what_is_drawn() -> None:
    assert drawn("a", 0, POOL) != drawn("b", 0, POOL)


def test_batches_of_a_pool_are_alike_in_length_and_size() -> None:
    pool = sorted(drawn("a", 0, POOL))
    assert [length for batch in pool for length in batch] == sorted(
        length for batch in pool for length in batch
    )
    for batch in pool:
        assert abs(sum(batch) - BATCH_TOKENS) <= 2 * 60


def test_what_is_drawn_may_change_between_pools() -> None:
    later = drawn("a", 2 * POOL, 3 * POOL)
    assert min(min(batch) for batch in later) > 100
