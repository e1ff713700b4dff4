import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagegen.forecast import Forecast
from imagegen.scheduler import Entry, Scheduler, Stage, StageKey
from imagegen.step_profile import StepProfile

KEY = StageKey("m", 8, 8)


def build(max_batch_rows: int = 4, max_running_rows: int = 4) -> tuple[Scheduler, StepProfile, Forecast]:
    """A device on which a pass takes a second for every four evaluations or fewer."""
    profile = StepProfile()
    for evaluations in (1, 2, 3, 4):
        profile.learn(KEY, evaluations, 1.0)
    scheduler = Scheduler(max_batch_rows, max_running_rows, 100, profile.max_evaluations)
    return scheduler, profile, Forecast(scheduler, profile)


def entry(number: int, rows: int = 1, steps: int = 10, priority: int = 0, evaluations: int = 1) -> Entry:
    return Entry(number, Stage(KEY, rows, steps, evaluations), priority)


def test_an_idle_device_is_asked_for_the_steps_alone() -> None:
    _, _, forecast = build()
    assert forecast.finish_s(entry(1)) == 10
    assert forecast.finish_s(entry(1, rows=6)) == 20
    assert forecast.finish_s(entry(1, rows=4, evaluations=2)) == 20


def test_the_cap_makes_more_passes() -> None:
    _, profile, forecast = build()
    profile.exhausted(KEY, 2)
    assert forecast.finish_s(entry(1, rows=4)) == 40


def test_who_waits_ahead_is_waited_for() -> None:
    scheduler, _, forecast = build()
    for number in range(8):
        scheduler.submit(entry(number))
    scheduler.admit(0.0)
    # Four run and four wait: five must be done before there is a place, a quarter of a pass each step.
    assert forecast.finish_s(entry(9)) == pytest.approx(5 * 2.5 + 10)
    assert forecast.finish_s(entry(9, priority=100)) == pytest.approx(1 * 2.5 + 10)
    assert forecast.half_queue_s() == pytest.approx(2 * 2.5)


def test_what_is_unknown_is_not_foretold() -> None:
    scheduler = Scheduler(4, 4, 10)
    forecast = Forecast(scheduler, StepProfile())
    scheduler.submit(entry(1))
    assert forecast.finish_s(entry(2)) is None
    assert forecast.half_queue_s() is None


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), max_size=8),
    st.integers(1, 6),
    st.integers(1, 5),
)
def test_no_request_is_done_before_the_forecast(ahead: list[tuple[int, int]], rows: int, steps: int) -> None:
    scheduler, _, forecast = build(4, 8)
    for number, (count, each) in enumerate(ahead, start=1):
        scheduler.submit(entry(number, count, each))
    scheduler.admit(0.0)
    last = entry(0, rows, steps)
    foretold = forecast.finish_s(last)
    assert foretold is not None
    scheduler.submit(last)
    clock = 0.0
    while True:
        scheduler.admit(0.0)
        batch = scheduler.next_batch()
        assert batch is not None
        clock += 1.0
        for done in scheduler.complete(batch, 1.0):
            if done.stage_done:
                scheduler.remove(done.id)
                if done.id == 0:
                    assert clock >= foretold - 1e-9
                    return
