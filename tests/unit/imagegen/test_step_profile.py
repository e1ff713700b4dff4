import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imagegen.scheduler import StageKey
from imagegen.step_profile import DOUBT, StepProfile

KEY = StageKey("m", 8, 8)
TALL = StageKey("m", 16, 8)


def profile(seconds: dict[int, float]) -> StepProfile:
    made = StepProfile()
    for evaluations, taken in seconds.items():
        made.learn(KEY, evaluations, taken)
    return made


def test_nothing_is_known_at_first() -> None:
    made = StepProfile()
    made.settle(KEY)
    assert made.seconds(KEY, 1) is None
    assert made.max_evaluations(KEY) == sys.maxsize
    made.learn(KEY, 1, 1.0)
    assert made.seconds(StageKey("other", 8, 8), 1) is None
    assert made.seconds(StageKey("m", owner=3), 1) is None


def test_rows_in_between_are_interpolated_and_others_in_proportion() -> None:
    made = profile({2: 1.0, 4: 2.0, 8: 6.0})
    times = [made.seconds(KEY, evaluations) for evaluations in (0, 1, 2, 3, 6, 8, 16)]
    assert times == [0.0, 0.5, 1.0, 1.5, 4.0, 6.0, 12.0]


def test_sizes_that_were_not_measured_are_scaled_by_cells() -> None:
    made = profile({2: 1.0})
    assert made.seconds(TALL, 2) == 2.0
    made.learn(TALL, 2, 5.0)
    assert made.seconds(TALL, 2) == 5.0
    assert made.seconds(StageKey("m", 16, 16), 2) == 10.0  # the nearest size is the tall one


def test_real_steps_move_the_average() -> None:
    made = profile({1: 1.0})
    made.learn(KEY, 1, 2.0)
    assert made.seconds(KEY, 1) == pytest.approx(1.2)
    for _ in range(50):
        made.learn(KEY, 1, 2.0)
    assert made.seconds(KEY, 1) == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize(
    ("seconds", "most"),
    [
        ({1: 1.0, 2: 1.2, 4: 2.0, 8: 4.0}, 4),
        ({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}, sys.maxsize),
        ({1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}, 1),
        ({1: 1.0, 2: 1.0, 4: 2.04, 8: 4.0}, 2),
        ({1: 1.0}, sys.maxsize),
    ],
)
def test_the_cap_is_the_least_that_is_near_the_best_rate(seconds: dict[int, float], most: int) -> None:
    made = profile(seconds)
    made.settle(KEY)
    assert made.max_evaluations(KEY) == most


def test_the_cap_scales_with_the_size() -> None:
    made = profile({1: 1.0, 4: 1.0, 8: 2.0})
    made.settle(KEY)
    assert [made.max_evaluations(key) for key in (KEY, TALL, StageKey("m", 64, 64))] == [4, 2, 1]
    assert made.max_evaluations(StageKey("m", 4, 8)) == 8
    assert made.max_evaluations(StageKey("m", owner=1)) == sys.maxsize


def test_out_of_memory_bounds_its_size_and_larger_ones() -> None:
    made = StepProfile()
    made.exhausted(TALL, 8)
    assert [made.max_evaluations(key) for key in (KEY, TALL, StageKey("m", 16, 16))] == [sys.maxsize, 4, 4]
    made.exhausted(TALL, 4)
    made.exhausted(TALL, 7)  # the bound never rises
    assert made.max_evaluations(TALL) == 2
    made.exhausted(TALL, 1)
    assert made.max_evaluations(TALL) == 1


def test_refusals_are_believed_less_and_less_until_a_pass_is_measured() -> None:
    made = profile({1: 1.0})
    made.doubt(KEY)
    made.doubt(KEY)
    assert made.seconds(KEY, 1) == pytest.approx(DOUBT**2)
    made.learn(KEY, 1, 1.0)
    assert made.seconds(KEY, 1) == 1.0


@given(st.lists(st.tuples(st.integers(1, 128), st.integers(1, 128)), max_size=200))
def test_sizes_are_bounded_and_the_latest_is_known(sizes: list[tuple[int, int]]) -> None:
    made = StepProfile()
    for height, width in sizes:
        made.learn(StageKey("m", height, width), 1, height * width)
        assert made.seconds(StageKey("m", height, width), 1) == height * width
    assert len(made._seconds) <= 64
