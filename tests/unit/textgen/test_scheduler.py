import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.scheduler import Entry, Limits, Scheduler

LIMITS = Limits(max_batch_size=3, max_batch_tokens=40, max_prefill_tokens=16)


def entry(number: int, prompt: int = 4, answer: int = 4, **more: float) -> Entry:
    return Entry((number, 0), prompt, answer, **more)  # type: ignore[arg-type]


def scheduler(*entries: Entry, limits: Limits = LIMITS) -> Scheduler:
    made = Scheduler(limits)
    for each in entries:
        made.add(each)
    return made


def test_rows_join_in_order_of_arrival_up_to_the_batch_size() -> None:
    made = scheduler(*map(entry, range(5)))
    assert made.schedule(0).admitted == ((0, 0), (1, 0), (2, 0))
    assert made.schedule(0).admitted == ()
    made.remove([(1, 0)])
    assert made.schedule(0).admitted == ((3, 0),)
    assert made.running == ((0, 0), (2, 0), (3, 0))


def test_priority_goes_first_and_arrival_decides_among_equals() -> None:
    made = scheduler(entry(0), entry(1, priority=5), entry(2, priority=5), entry(3, priority=-1))
    assert made.schedule(0).admitted == ((1, 0), (2, 0), (0, 0))


def test_a_row_that_does_not_fit_holds_back_those_behind_it() -> None:
    made = scheduler(entry(0, 10, 20), entry(1, 10, 10), entry(2, 1, 1))
    assert made.schedule(0).admitted == ((0, 0),)
    made.remove([(0, 0)])
    assert made.schedule(0).admitted == ((1, 0), (2, 0))


def test_prompts_of_one_step_are_bounded_but_one_always_goes() -> None:
    made = scheduler(entry(0, 30, 1), entry(1, 2, 1))
    assert made.schedule(0).admitted == ((0, 0),)
    assert made.schedule(0).admitted == ((1, 0),)


def test_what_expired_is_dropped_before_it_is_batched() -> None:
    made = scheduler(entry(0, deadline=5.0), entry(1, deadline=9.0))
    decision = made.schedule(5.0)
    assert (decision.expired, decision.admitted) == (((0, 0),), ((1, 0),))
    assert made.schedule(99.0).expired == ()  # a running row is not the queue's matter


def test_what_could_never_run_and_what_is_there_already_are_refused() -> None:
    made = scheduler(entry(0))
    with pytest.raises(ValueError, match="exceed"):
        made.add(entry(1, 40, 1))
    with pytest.raises(ValueError, match="already"):
        made.add(entry(0))
    made.schedule(0)
    with pytest.raises(ValueError, match="already"):
        made.add(entry(0))


def test_many_cancelled_rows_do_not_pile_up() -> None:
    made = scheduler(entry(10**6, 30, 10))
    made.schedule(0)
    for number in range(500):
        made.add(entry(number))
        made.schedule(0)
        made.remove([(number, 0)])
    assert len(made._heap) < 40
    assert made.waiting == 0


ENTRIES = st.lists(
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(-2, 2), st.none() | st.integers(1, 30)),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(entries=ENTRIES, dice=st.randoms(use_true_random=False))
def test_nothing_is_lost_and_no_limit_is_exceeded(entries, dice) -> None:
    made = Scheduler(LIMITS)
    waiting = {
        (number, 0): Entry((number, 0), prompt, answer, priority, deadline)
        for number, (prompt, answer, priority, deadline) in enumerate(entries)
    }
    todo = list(waiting.values())
    left = {key: entry.max_tokens for key, entry in waiting.items()}
    admitted, expired, cancelled = [], [], set()
    for now in range(2000):
        while todo and dice.random() < 0.5:
            made.add(todo.pop(0))
        if dice.random() < 0.1 and (live := [*made.running, *made._waiting]):
            cancelled.add(key := dice.choice(live))
            made.remove([key])
        before = set(made._waiting)
        decision = made.schedule(now)
        expired += decision.expired
        admitted += decision.admitted
        assert not cancelled & {*decision.admitted, *decision.expired}
        assert all(waiting[key].deadline is None or waiting[key].deadline > now for key in decision.admitted)
        assert len(made.running) <= LIMITS.max_batch_size
        assert (
            made.reserved_tokens
            == sum(waiting[key].reserved for key in made.running)
            <= LIMITS.max_batch_tokens
        )
        if len(decision.admitted) > 1:
            assert sum(waiting[key].prompt_tokens for key in decision.admitted) <= LIMITS.max_prefill_tokens
        # Nobody is overtaken by an equal or by less.
        for key in decision.admitted:
            for other in before - {*decision.admitted, *decision.expired}:
                assert (-waiting[key].priority, key) < (-waiting[other].priority, other)
        for key in made.running:
            left[key] -= 1
        made.remove([key for key in made.running if left[key] == 0])
        if not todo and not made.waiting and not made.running:
            break
    else:
        pytest.fail("something starved")
    assert len(admitted) == len(set(admitted))
    assert set(admitted) | set(expired) | cancelled == set(waiting)
    assert not set(expired) & set(admitted)
