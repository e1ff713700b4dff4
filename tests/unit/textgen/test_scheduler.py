from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving.loras import Adapter
from textgen.kv_blocks import BLOCK_TOKENS
from textgen.scheduler import SCORED_TOKENS, Entry, Limits, Plan, Scheduler

LIMITS = Limits(max_batch_size=3, max_batch_tokens=6 * BLOCK_TOKENS, max_prefill_tokens=32)


def entry(number: int, prompt: int = 4, answer: int = 4, **more) -> Entry:
    return Entry((number, 0), range(1000 * number, 1000 * number + prompt), answer, **more)


def scheduler(*entries: Entry, limits: Limits = LIMITS, **more) -> Scheduler:
    made = Scheduler(limits, **more)
    for each in entries:
        made.add(each)
    return made


def step(made: Scheduler, now: float = 0.0, token: int = 1) -> Plan:
    """Plan, and let each that chooses choose the same token."""
    plan = made.plan(now)
    for span in plan.spans:
        made.complete(span, [token] if span.chooses else [])
    return plan


def computed(plan: Plan) -> dict[int, tuple[int, int]]:
    return {span.key[0]: (span.start, len(span.tokens)) for span in plan.spans}


def test_sequences_join_in_order_of_arrival_up_to_the_batch_size() -> None:
    made = scheduler(*map(entry, range(5)))
    assert step(made).joined == ((0, 0), (1, 0), (2, 0))
    assert step(made).joined == ()
    made.remove([(1, 0)])
    assert step(made).joined == ((3, 0),)
    assert made.running == ((0, 0), (2, 0), (3, 0))


def test_priority_goes_first_and_arrival_decides_among_equals() -> None:
    made = scheduler(entry(0), entry(1, priority=5), entry(2, priority=5), entry(3, priority=-1))
    assert step(made).joined == ((1, 0), (2, 0), (0, 0))


def test_a_sequence_that_does_not_fit_holds_back_those_behind_it() -> None:
    made = scheduler(entry(0, 60), entry(1, 60), entry(2, 1, 1))
    assert step(made).joined == ((0, 0),)
    assert step(made).joined == ()
    made.remove([(0, 0)])
    assert step(made).joined == ((1, 0),)


def test_long_prompts_are_read_in_parts_while_others_go_on() -> None:
    made = scheduler(entry(0, 4, 9), entry(1, 60, 9))
    assert computed(step(made)) == {0: (0, 4), 1: (0, 28)}
    assert computed(step(made)) == {0: (4, 1), 1: (28, 31)}
    plan = step(made)
    assert computed(plan) == {0: (5, 1), 1: (59, 1)}
    assert [span.chooses for span in plan.spans] == [True, True]


def test_a_step_has_room_for_all_that_run_whatever_is_said() -> None:
    made = scheduler(*map(entry, range(3)), limits=Limits(3, 96, 1))
    while len(made.running) < 3:
        step(made)
    assert len(step(made).spans) == 3


def test_what_expired_is_dropped_before_it_is_computed_and_not_after() -> None:
    made = scheduler(entry(0, deadline=5.0), entry(1, deadline=9.0))
    plan = step(made, 5.0)
    assert (plan.expired, plan.joined) == (((0, 0),), ((1, 0),))
    assert step(made, 99.0).expired == ()  # a running sequence is not the queue's matter
    made._preempt(made._running[1, 0])
    assert step(made, 99.0).expired == ()  # nor is one that has begun


def test_what_could_never_run_and_what_is_there_already_are_refused() -> None:
    made = scheduler(entry(0))
    with pytest.raises(ValueError, match="exceed"):
        made.add(entry(1, 96, 2))
    with pytest.raises(ValueError, match="already"):
        made.add(entry(0))
    step(made)
    with pytest.raises(ValueError, match="already"):
        made.add(entry(0))
    with pytest.raises(ValueError, match="no prompt"):
        made.add(Entry((1, 0), (), 4))
    made.add(entry(1, 96, 1))


def test_when_blocks_run_out_the_last_gives_way_and_goes_on_later() -> None:
    made = scheduler(entry(0, 40, 50), entry(1, 30, 50))
    for _ in range(30):
        plan = step(made)
        if plan.preempted:
            break
    assert plan.preempted == ((1, 0),)
    assert [span.key for span in plan.spans] == [(0, 0)]
    assert made.waiting == 1
    made.remove([(0, 0)])
    plan = step(made)
    assert plan.joined == ()  # it had joined before
    # Its full blocks were still known; what it had chosen is not chosen again.
    assert computed(plan)[1][0] % BLOCK_TOKENS == 0
    assert sum(computed(plan)[1]) == len(made._running[1, 0].tokens) - 1


def test_priority_decides_who_gives_way() -> None:
    made = scheduler(entry(0, 40, 50), entry(1, 30, 50, priority=1))
    while not (plan := step(made)).preempted:
        pass
    assert plan.preempted == ((0, 0),)


def test_a_known_prefix_is_not_computed_again() -> None:
    made = Scheduler(LIMITS)
    made.add(Entry((1, 0), range(40), 4))
    step(made), step(made)
    made.add(Entry((2, 0), [*range(36), 7, 7], 4))
    plan = step(made)
    assert computed(plan)[2] == (32, 6)
    assert plan.spans[1].blocks[:2] == plan.spans[0].blocks[:2]
    assert plan.spans[1].blocks[2] != plan.spans[0].blocks[2]
    assert (plan.looked_up, plan.found) == (38, 32)


def adapter(content: str, name: str = "a") -> Adapter:
    return Adapter(name, 1, 8, sha256(content.encode()).hexdigest(), None)


def test_prefixes_are_shared_under_one_adapter_alone() -> None:
    made = Scheduler(Limits(max_batch_size=4, max_batch_tokens=256, max_prefill_tokens=256))
    for number, mine in enumerate((None, adapter("x"), adapter("y"), adapter("x", "b"))):
        made.add(Entry((number, 0), range(32), 4, adapter=mine))
        plan = step(made)
        assert computed(plan)[number] == ((0, 32) if number < 3 else (31, 1))
        assert plan.spans[-1].adapter is mine


def test_who_gives_way_comes_back_under_its_adapter() -> None:
    mine = adapter("x")
    made = scheduler(entry(0, adapter=mine))
    step(made)
    made._preempt(made._running[0, 0])
    assert [span.adapter for span in step(made).spans] == [mine]


def test_without_a_cache_of_prefixes_all_is_computed() -> None:
    made = Scheduler(LIMITS, prefix_caching=False)
    made.add(Entry((1, 0), range(20), 4))
    made.add(Entry((1, 1), range(20), 4, fork=(1, 0)))
    plan = step(made)
    assert computed(plan) == {1: (0, 12)}
    assert plan.found == 0


def test_a_scored_prompt_is_computed_whole_and_a_known_one_is_not() -> None:
    made = Scheduler(Limits(3, 12 * BLOCK_TOKENS, 32))
    made.add(Entry((1, 0), range(20), 4))
    step(made)
    made.add(Entry((2, 0), range(20), 4, scored=True))
    made.add(Entry((2, 1), range(20), 4, fork=(2, 0)))
    plan = step(made)
    assert (computed(plan)[2], plan.looked_up) == ((0, 20), 0)
    assert [list(span.scored) for span in plan.spans] == [[], list(range(1, 20))]
    plan = step(made)
    assert [(span.key, len(span.tokens), span.scored) for span in plan.spans[1:]] == [
        ((2, 0), 1, ()),
        ((2, 1), 1, ()),
    ]


def test_a_step_scores_no_more_than_it_has_logits_for() -> None:
    made = Scheduler(Limits(4, 2048, 1024))
    for number in range(2):
        made.add(Entry((number, 0), range(300), 4, scored=True))
    made.add(Entry((2, 0), range(300), 4))
    assert computed(step(made)) == {0: (0, SCORED_TOKENS), 2: (0, 300)}
    assert computed(step(made)) == {2: (300, 1), 0: (SCORED_TOKENS, 44), 1: (0, SCORED_TOKENS - 43)}
    assert len(step(made).spans) == 3


def test_a_fork_shares_full_blocks_and_copies_the_begun_one() -> None:
    made = Scheduler(LIMITS)
    made.add(Entry((1, 0), range(20), 4))
    made.add(Entry((1, 1), range(20), 4, fork=(1, 0)))
    assert [span.key for span in step(made).spans] == [(1, 0)]
    plan = step(made)
    first, second = plan.spans
    assert (second.key, second.start, list(second.tokens), second.chooses) == ((1, 1), 19, [19], True)
    assert first.blocks[0] == second.blocks[0]
    assert plan.copies == ((first.blocks[1], second.blocks[1]),)


def test_who_waits_for_its_origin_holds_back_nobody_else() -> None:
    made = Scheduler(Limits(3, 12 * BLOCK_TOKENS, 32))
    made.add(Entry((1, 0), range(40), 4))
    made.add(Entry((1, 1), range(40), 4, fork=(1, 0)))
    made.add(Entry((2, 0), range(100, 104), 4))
    assert step(made).joined == ((1, 0),)
    assert step(made).joined == ((2, 0),)
    assert step(made).joined == ((1, 1),)


def test_a_fork_whose_origin_is_gone_goes_on_alone() -> None:
    made = Scheduler(LIMITS)
    made.add(Entry((1, 0), range(20), 4))
    made.add(Entry((1, 1), range(20), 4, fork=(1, 0)))
    step(made)
    made.remove([(1, 0)])
    assert [(span.key, span.start) for span in step(made).spans] == [((1, 1), 16)]


def test_drafts_are_guessed_verified_and_counted() -> None:
    made = scheduler(Entry((1, 0), [1, 2, 3, 4, 1, 2], 8, speculative=True))
    (span,) = made.plan(0).spans
    assert span.drafts == 0
    made.complete(span, [3])
    (span,) = made.plan(0).spans
    assert (list(span.tokens), span.start, span.drafts, span.chooses) == ([3, 4, 1, 2, 3], 6, 4, True)
    made.complete(span, [4, 1, 9])
    (span,) = made.plan(0).spans
    assert (list(span.tokens), span.start) == ([9], 9)


def test_no_more_is_guessed_than_may_be_chosen() -> None:
    made = scheduler(Entry((1, 0), [1, 2, 3, 4, 1, 2], 3, speculative=True))
    step(made, token=3)
    (span,) = made.plan(0).spans
    assert span.drafts == 1


def test_many_cancelled_sequences_do_not_pile_up() -> None:
    made = scheduler(entry(10**6, 90, 4))
    made.plan(0)
    for number in range(500):
        made.add(entry(number))
        made.remove([(number, 0)])
    assert len(made._heap) < 40
    assert made.waiting == 0


ENTRIES = st.lists(
    st.tuples(
        st.integers(0, 3),  # with which of a few texts its prompt begins
        st.integers(1, 70),
        st.integers(1, 40),
        st.integers(-2, 2),
        st.none() | st.integers(1, 60),
        st.booleans(),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(entries=ENTRIES, dice=st.randoms(use_true_random=False), caches=st.booleans())
def test_nothing_is_lost_computed_twice_or_beyond_a_limit(entries, dice, caches) -> None:
    limits = Limits(max_batch_size=3, max_batch_tokens=7 * BLOCK_TOKENS, max_prefill_tokens=24)
    made = Scheduler(limits, prefix_caching=caches)
    everything = {}
    for number, (text, prompt, answer, priority, deadline, forks, scored) in enumerate(entries):
        ids = range(100 * text, 100 * text + prompt)
        first = Entry((number, 0), ids, answer, priority, deadline, speculative=True, scored=scored)
        everything[number, 0] = first
        if forks:
            everything[number, 1] = Entry(
                (number, 1), first.prompt, answer, priority, deadline, fork=(number, 0)
            )
    todo = list(everything.values())
    tokens = {key: list(each.prompt) for key, each in everything.items()}
    cells: dict[
        tuple[int, int], tuple[int, ...]
    ] = {}  # (block, place) -> all tokens up to it, when it was written
    scored: dict[tuple[int, int], set[int]] = {key: set() for key in everything}
    gone: Counter = Counter()
    for now in range(4000):
        while todo and dice.random() < 0.5:
            made.add(todo.pop(0))
        if dice.random() < 0.1 and (live := [*made.running, *made._waiting]):
            gone[key := dice.choice(live)] += 1
            made.remove([key])
        plan = made.plan(now)
        gone.update(plan.expired)
        assert not set(gone) & {span.key for span in plan.spans}
        assert len(made.running) <= limits.max_batch_size
        assert sum(len(span.tokens) for span in plan.spans) <= limits.max_prefill_tokens
        for origin, place in plan.copies:
            for cell in range(BLOCK_TOKENS):
                if (origin, cell) in cells:
                    cells[place, cell] = cells[origin, cell]
        written = Counter(
            (span.blocks[at // BLOCK_TOKENS], at % BLOCK_TOKENS)
            for span in plan.spans
            for at in range(span.start, span.start + len(span.tokens))
        )
        assert not written or max(written.values()) == 1
        for span in plan.spans:
            known = tokens[span.key]
            assert len(set(span.blocks)) == len(span.blocks)
            real = len(span.tokens) - span.drafts
            assert list(span.tokens[:real]) == known[span.start : span.start + real]
            # What it attends to is what it would have written itself.
            for at in range(span.start):
                cell = span.blocks[at // BLOCK_TOKENS], at % BLOCK_TOKENS
                assert cells[cell] == tuple(known[: at + 1])
            sequence = [*known[: span.start], *span.tokens]
            for at in range(span.start, len(sequence)):
                cells[span.blocks[at // BLOCK_TOKENS], at % BLOCK_TOKENS] = tuple(sequence[: at + 1])
        for span in plan.spans:
            chosen: list[int] = []
            places = range(span.start + 1, span.start + 1 + len(span.scored))
            assert list(span.scored) == [tokens[span.key][place] for place in places]
            scored[span.key].update(places)
            if span.chooses:
                asked = everything[span.key]
                assert scored[span.key] == set(range(1, len(asked.prompt)) if asked.scored else ())
                right = dice.randint(0, span.drafts)
                chosen = [*span.tokens[len(span.tokens) - span.drafts :][:right], dice.randint(-3, 3)]
            tokens[span.key] += chosen
            made.complete(span, chosen)
            left = everything[span.key].max_tokens - (
                len(tokens[span.key]) - len(everything[span.key].prompt)
            )
            assert left >= 0
            if left == 0:
                gone[span.key] += 1
                made.remove([span.key])
        if not todo and not made.waiting and not made.running:
            break
    else:
        pytest.fail("something starved")
    assert gone == Counter(everything.keys())
    assert made.pool.held == 0
