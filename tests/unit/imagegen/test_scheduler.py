import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagegen.scheduler import (
    AGING_ADMISSIONS,
    DropReason,
    Entry,
    QueueFullError,
    Scheduler,
    Slice,
    Stage,
    StageKey,
    StepDone,
)

KEY = StageKey("m", 8, 8)
WIDE = StageKey("m", 8, 16)


def entry(number: int, rows: int = 1, steps: int = 2, key: StageKey = KEY, **more: float | int) -> Entry:
    return Entry(number, Stage(key, rows, steps), **more)  # type: ignore[arg-type]


def run_to_end(scheduler: Scheduler) -> list[int]:
    """Ids in the order they finish."""
    finished: list[int] = []
    while not scheduler.idle:
        scheduler.admit(0.0)
        batch = scheduler.next_batch()
        assert batch is not None
        for done in scheduler.complete(batch):
            if done.stage_done:
                scheduler.remove(done.id)
                finished.append(done.id)
    return finished


def test_requests_join_and_leave_between_steps() -> None:
    scheduler = Scheduler(4, 4, 10)
    scheduler.submit(entry(1, steps=2))
    scheduler.admit(0.0)
    first = scheduler.next_batch()
    assert first is not None
    assert scheduler.complete(first) == [StepDone(1, 1, False)]
    scheduler.submit(entry(2, steps=3))
    scheduler.admit(0.0)
    both = scheduler.next_batch()
    assert both is not None
    assert set(both.slices) == {Slice(1, 1, 0, 1), Slice(2, 0, 0, 1)}
    assert set(scheduler.complete(both)) == {StepDone(1, 2, True), StepDone(2, 1, False)}


def test_only_equal_keys_share_a_batch_and_keys_take_turns() -> None:
    scheduler = Scheduler(4, 8, 10)
    for number, key in ((1, KEY), (2, WIDE), (3, KEY)):
        scheduler.submit(entry(number, key=key))
    scheduler.admit(0.0)
    batches = []
    for _ in range(2):
        batch = scheduler.next_batch()
        assert batch is not None
        scheduler.complete(batch)
        batches.append((batch.key, [part.id for part in batch.slices]))
    assert batches == [(KEY, [1, 3]), (WIDE, [2])]


def test_higher_priority_first_then_first_come() -> None:
    scheduler = Scheduler(1, 1, 10)
    for number, priority in ((1, 0), (2, 0), (3, 5)):
        scheduler.submit(entry(number, priority=priority))
    assert run_to_end(scheduler) == [3, 1, 2]


def test_position_counts_those_ahead() -> None:
    scheduler = Scheduler(1, 1, 10)
    assert scheduler.submit(entry(1)) == 0
    assert scheduler.submit(entry(2)) == 1
    assert scheduler.submit(entry(3, priority=1)) == 0
    assert scheduler.submit(entry(4)) == 3


def test_full_queue_refuses() -> None:
    scheduler = Scheduler(1, 1, 1)
    scheduler.submit(entry(1))
    with pytest.raises(QueueFullError):
        scheduler.submit(entry(2))


def test_cancelled_and_expired_are_dropped_before_they_are_batched() -> None:
    scheduler = Scheduler(4, 4, 10)
    for number in (1, 2, 3):
        scheduler.submit(entry(number, deadline=5.0 if number == 2 else None))
    scheduler.cancel(1)
    admission = scheduler.admit(5.0)
    assert set(admission.dropped) == {(1, DropReason.CANCELLED), (2, DropReason.EXPIRED)}
    assert admission.started == (3,)


def test_running_requests_are_dropped_between_steps() -> None:
    scheduler = Scheduler(4, 4, 10)
    scheduler.submit(entry(1))
    scheduler.submit(entry(2, deadline=5.0))
    scheduler.admit(0.0)
    scheduler.cancel(1)
    assert set(scheduler.admit(6.0).dropped) == {(1, DropReason.CANCELLED), (2, DropReason.EXPIRED)}
    assert scheduler.idle


def test_large_request_does_not_shut_out_a_small_one() -> None:
    scheduler = Scheduler(4, 8, 10)
    scheduler.submit(entry(1, rows=64, steps=5))
    scheduler.submit(entry(2, rows=1, steps=5))
    assert run_to_end(scheduler) == [2, 1]


def test_low_priority_is_never_starved() -> None:
    scheduler = Scheduler(1, 1, 10)
    scheduler.submit(entry(0, steps=1, priority=-2))
    overtaken = 0
    for number in range(1, 100):
        scheduler.submit(entry(number, steps=1, priority=2))
        (started,) = scheduler.admit(0.0).started
        batch = scheduler.next_batch()
        assert batch is not None
        scheduler.complete(batch)
        scheduler.remove(started)
        if started == 0:
            break
        overtaken += 1
    assert 0 < overtaken <= 5 * AGING_ADMISSIONS


def test_next_stage_of_a_running_request() -> None:
    scheduler = Scheduler(4, 4, 10)
    scheduler.submit(entry(1, steps=1))
    scheduler.admit(0.0)
    batch = scheduler.next_batch()
    assert batch is not None
    assert scheduler.complete(batch) == [StepDone(1, 1, True)]
    scheduler.continue_with(1, Stage(StageKey("m", owner=1), 1, 2))
    batch = scheduler.next_batch()
    assert batch is not None and batch.key.owner == 1
    assert scheduler.complete(batch) == [StepDone(1, 1, False)]


ENTRIES = st.lists(
    st.tuples(
        st.integers(1, 20),  # rows
        st.integers(1, 4),  # steps
        st.integers(-3, 3),  # priority
        st.sampled_from([KEY, WIDE]),
        st.integers(0, 6),  # turn at which it arrives
        st.one_of(st.none(), st.integers(0, 10)),  # turn at which it is cancelled
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(ENTRIES, st.integers(1, 8), st.integers(0, 8))
def test_every_row_runs_every_step_once_in_order(
    specs: list[tuple[int, int, int, StageKey, int, int | None]], batch_rows: int, slack: int
) -> None:
    scheduler = Scheduler(batch_rows, batch_rows + slack, 100)
    ran: dict[tuple[int, int], list[int]] = {}
    cancelled = {number for number, spec in enumerate(specs) if spec[5] is not None}
    finished: set[int] = set()
    dropped: set[int] = set()
    turn = 0
    while turn <= 10 or not scheduler.idle:
        for number, (rows, steps, priority, key, arrival, cancel_at) in enumerate(specs):
            if arrival == turn:
                scheduler.submit(entry(number, rows, steps, key, priority=priority))
            if cancel_at == turn:
                scheduler.cancel(number)
        dropped |= {number for number, _ in scheduler.admit(0.0).dropped}
        batch = scheduler.next_batch()
        assert (batch is None) == (scheduler.running_count == 0)
        if batch is not None:
            assert 1 <= batch.rows <= batch_rows
            for part in batch.slices:
                assert specs[part.id][3] == batch.key
                for row in range(part.start, part.stop):
                    ran.setdefault((part.id, row), []).append(part.step)
            for done in scheduler.complete(batch):
                assert all(len(ran[done.id, row]) == done.step for row in range(specs[done.id][0]))
                if done.stage_done:
                    scheduler.remove(done.id)
                    finished.add(done.id)
        turn += 1
        assert turn < 10_000
    assert dropped <= cancelled
    assert finished | dropped == set(range(len(specs)))
    for number in finished:
        rows, steps = specs[number][:2]
        assert all(ran[number, row] == list(range(steps)) for row in range(rows))
