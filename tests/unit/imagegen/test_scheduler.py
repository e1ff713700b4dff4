from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagegen.scheduler import (
    AGING_TURNS,
    QUANTUM_SECONDS,
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
        for done in scheduler.complete(batch, QUANTUM_SECONDS):
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
    assert scheduler.complete(first, QUANTUM_SECONDS) == [StepDone(1, 1, False)]
    scheduler.submit(entry(2, steps=3))
    scheduler.admit(0.0)
    both = scheduler.next_batch()
    assert both is not None
    assert set(both.slices) == {Slice(1, 1, 0, 1), Slice(2, 0, 0, 1)}
    assert set(scheduler.complete(both, QUANTUM_SECONDS)) == {StepDone(1, 2, True), StepDone(2, 1, False)}


def test_only_equal_keys_share_a_batch_and_keys_take_turns() -> None:
    scheduler = Scheduler(4, 8, 10)
    for number, key in ((1, KEY), (2, WIDE), (3, KEY)):
        scheduler.submit(entry(number, key=key))
    scheduler.admit(0.0)
    batches = []
    for _ in range(2):
        batch = scheduler.next_batch()
        assert batch is not None
        scheduler.complete(batch, QUANTUM_SECONDS)
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
        scheduler.complete(batch, QUANTUM_SECONDS)
        scheduler.remove(started)
        if started == 0:
            break
        overtaken += 1
    assert 0 < overtaken <= 5 * AGING_TURNS


def test_next_stage_of_a_running_request() -> None:
    scheduler = Scheduler(4, 4, 10)
    scheduler.submit(entry(1, steps=1))
    scheduler.admit(0.0)
    batch = scheduler.next_batch()
    assert batch is not None
    assert scheduler.complete(batch, QUANTUM_SECONDS) == [StepDone(1, 1, True)]
    scheduler.continue_with(1, Stage(StageKey("m", owner=1), 1, 2))
    batch = scheduler.next_batch()
    assert batch is not None and batch.key.owner == 1
    assert scheduler.complete(batch, QUANTUM_SECONDS) == [StepDone(1, 1, False)]


@dataclass
class Load:
    """What arrives: at `turn`, a request; it leaves at `cancel_at`, or when `deadline` (a turn, too) has passed."""

    rows: int
    steps: int
    evaluations: int
    priority: int
    key: StageKey
    turn: int
    cancel_at: int | None
    deadline: int | None

    @property
    def leaves(self) -> bool:
        return self.cancel_at is not None or self.deadline is not None


LOADS = st.lists(
    st.builds(
        Load,
        rows=st.integers(1, 20),
        steps=st.integers(1, 4),
        evaluations=st.integers(1, 2),
        priority=st.integers(-3, 3),
        key=st.sampled_from([KEY, WIDE, StageKey("m", owner=1)]),
        turn=st.integers(0, 6),
        cancel_at=st.one_of(st.none(), st.integers(0, 10)),
        deadline=st.one_of(st.none(), st.integers(0, 60)),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(LOADS, st.integers(1, 8), st.integers(0, 8), st.integers(1, 20), st.lists(st.floats(0, 1), min_size=1))
def test_every_row_runs_every_step_once_in_order(
    loads: list[Load], batch_rows: int, slack: int, cap: int, seconds: list[float]
) -> None:
    scheduler = Scheduler(batch_rows, batch_rows + slack, 100, lambda _: cap)
    ran: dict[tuple[int, int], list[int]] = {}
    finished: set[int] = set()
    dropped: set[int] = set()
    turn = 0
    while turn <= 10 or not scheduler.idle:
        for number, load in enumerate(loads):
            if load.turn == turn:
                stage = Stage(load.key, load.rows, load.steps, load.evaluations)
                scheduler.submit(Entry(number, stage, load.priority, load.deadline))
            if load.cancel_at == turn:
                scheduler.cancel(number)
        dropped |= {number for number, _ in scheduler.admit(turn).dropped}
        batch = scheduler.next_batch()
        assert (batch is None) == (scheduler.running_count == 0)
        if batch is not None:
            assert 1 <= batch.rows <= batch_rows
            assert batch.evaluations <= cap or batch.rows == 1
            assert 0 < batch.occupancy <= 1
            assert not {part.id for part in batch.slices} & (dropped | finished)
            for part in batch.slices:
                assert loads[part.id].key == batch.key
                for row in range(part.start, part.stop):
                    ran.setdefault((part.id, row), []).append(part.step)
            for done in scheduler.complete(batch, seconds[turn % len(seconds)]):
                assert all(len(ran[done.id, row]) == done.step for row in range(loads[done.id].rows))
                if done.stage_done:
                    scheduler.remove(done.id)
                    finished.add(done.id)
        turn += 1
        assert turn < 10_000
    assert all(loads[number].leaves for number in dropped)
    assert finished | dropped == set(range(len(loads)))
    for number in finished:
        rows, steps = loads[number].rows, loads[number].steps
        assert all(ran[number, row] == list(range(steps)) for row in range(rows))


@settings(max_examples=100, deadline=None)
@given(st.floats(0.001, 2), st.floats(0.001, 2), st.integers(1, 12), st.integers(1, 12))
def test_keys_that_always_have_work_share_the_device_evenly(
    cost: float, wide_cost: float, rows: int, wide_rows: int
) -> None:
    scheduler = Scheduler(8, 16, 10)
    costs, spent = {KEY: cost, WIDE: wide_cost}, {KEY: 0.0, WIDE: 0.0}
    scheduler.submit(entry(1, rows, steps=10_000))
    scheduler.submit(entry(2, wide_rows, steps=10_000, key=WIDE))
    scheduler.admit(0.0)
    for _ in range(100):
        batch = scheduler.next_batch()
        assert batch is not None
        scheduler.complete(batch, costs[batch.key])
        spent[batch.key] += costs[batch.key]
        assert abs(spent[KEY] - spent[WIDE]) <= 2 * QUANTUM_SECONDS + max(costs.values()) + 1e-6


def test_short_requests_pay_for_their_long_batches() -> None:
    scheduler = Scheduler(8, 16, 10)
    spent = {KEY: 0.0, WIDE: 0.0}
    scheduler.submit(entry(0, steps=10_000))
    last = KEY
    for number in range(1, 300):
        if scheduler.running_count + scheduler.waiting_count < 2 and last == KEY:  # it leaves and comes back
            scheduler.submit(entry(number, steps=1, key=WIDE))
        scheduler.admit(0.0)
        batch = scheduler.next_batch()
        assert batch is not None
        seconds = 1.0 if batch.key == WIDE else 0.01
        spent[batch.key] += seconds
        last = batch.key
        for done in scheduler.complete(batch, seconds):
            if done.stage_done:
                scheduler.remove(done.id)
    assert spent[WIDE] <= spent[KEY] + 1.0 + 2 * QUANTUM_SECONDS


def test_what_is_done_for_owners_alone_is_one_flow() -> None:
    scheduler = Scheduler(8, 16, 10)
    spent = {False: 0, True: 0}
    scheduler.submit(entry(0, steps=10_000))
    for owner in range(1, 6):
        scheduler.submit(entry(owner, steps=10_000, key=StageKey("m", owner=owner)))
    scheduler.admit(0.0)
    for _ in range(100):
        batch = scheduler.next_batch()
        assert batch is not None
        scheduler.complete(batch, QUANTUM_SECONDS)
        spent[batch.key.owner is not None] += 1
    assert abs(spent[True] - spent[False]) <= 2


def test_a_flood_of_one_key_leaves_another_its_place() -> None:
    scheduler = Scheduler(4, 8, 100)
    for number in range(40):
        scheduler.submit(entry(number))
    scheduler.submit(entry(100, key=WIDE))
    assert 100 not in scheduler.admit(0.0).started[:1]
    assert scheduler.running_count == 8
    assert 100 in {part.id for part in _batches(scheduler, 3)}


def _batches(scheduler: Scheduler, count: int) -> list[Slice]:
    slices: list[Slice] = []
    for _ in range(count):
        scheduler.admit(0.0)
        batch = scheduler.next_batch()
        assert batch is not None
        slices += batch.slices
        scheduler.complete(batch, QUANTUM_SECONDS)
    return slices


def test_within_a_key_priority_and_then_the_deadline_decide() -> None:
    scheduler = Scheduler(1, 3, 10)
    scheduler.submit(entry(1, steps=100))
    scheduler.submit(entry(2, steps=100, deadline=50.0))
    scheduler.submit(entry(3, steps=100, priority=1))
    order = [part.id for part in _batches(scheduler, 60)]
    assert order[0] == 3
    assert order.count(3) > order.count(2) > order.count(1) > 0  # nobody starves


def test_rows_with_guidance_count_twice_towards_the_cap() -> None:
    scheduler = Scheduler(8, 16, 10, lambda _: 5)
    scheduler.submit(Entry(1, Stage(KEY, 2, 1, 2)))
    scheduler.submit(Entry(2, Stage(KEY, 4, 1, 1)))
    scheduler.admit(0.0)
    batch = scheduler.next_batch()
    assert batch is not None
    assert batch.slices == (Slice(1, 0, 0, 2), Slice(2, 0, 0, 1))
    assert (batch.evaluations, batch.occupancy) == (5, 1.0)


def test_a_row_over_the_cap_runs_alone() -> None:
    scheduler = Scheduler(8, 16, 10, lambda _: 1)
    scheduler.submit(Entry(1, Stage(KEY, 2, 1, 2)))
    assert run_to_end(scheduler) == [1]
