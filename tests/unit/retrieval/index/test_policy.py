import itertools

from hypothesis import given
from hypothesis import strategies as st
from retrieval.index.policy import TOMBSTONE_RATIO, Job, SegmentState, plan

SEAL_AT, MOST = 10, 1000


def decide(
    delta_count: int, *segments: tuple[int, int], quiet: bool = False, seal_at: int = SEAL_AT
) -> Job | None:
    """Plan for segments given as (living, all), named by their place."""
    states = [SegmentState(str(i), live, count) for i, (live, count) in enumerate(segments)]
    return plan(delta_count, states, seal_at=seal_at, most=MOST, quiet=quiet)


def test_a_small_delta_waits() -> None:
    assert decide(9) is None
    assert decide(9, (100, 100)) is None
    assert decide(10) == Job(10, ())


def test_a_fifth_of_tombstones_wears_a_segment_out_and_the_worst_goes_first() -> None:
    assert decide(0, (81, 100)) is None
    assert decide(0, (80, 100)) == Job(0, ("0",))
    assert decide(500, (80, 100), (30, 100)) == Job(0, ("1",))
    assert decide(0, (0, 5)) == Job(0, ("0",))


def test_a_sealed_delta_takes_along_what_is_not_larger() -> None:
    assert decide(10, (10, 10)) == Job(10, ("0",))
    assert decide(10, (11, 11)) == Job(10, ())
    assert decide(10, (40, 40), (20, 20), (10, 10)) == Job(10, ("2", "1", "0"))


def test_no_segment_is_made_larger_than_allowed() -> None:
    assert decide(3000) == Job(1000, ())
    assert decide(600, (500, 500)) == Job(600, ())


def test_all_is_made_one_while_it_is_quiet() -> None:
    assert decide(9, (100, 100), (40, 40), quiet=True) == Job(9, ("1", "0"))
    assert decide(0, (100, 100), (40, 40), quiet=True) == Job(0, ("1", "0"))
    assert decide(0, (100, 100), quiet=True) is None
    assert decide(0, quiet=True) is None


def test_a_delta_too_small_to_be_worth_it_comes_along_and_is_not_sealed_alone() -> None:
    assert decide(9, quiet=True, seal_at=80) is None
    assert decide(9, (100, 100), quiet=True, seal_at=80) is None
    assert decide(9, (100, 100), (40, 40), quiet=True, seal_at=80) == Job(9, ("1", "0"))
    assert decide(10, quiet=True, seal_at=80) == Job(10, ())
    assert decide(0, quiet=True, seal_at=1) is None


def test_a_large_segment_is_not_built_anew_for_a_few_vectors() -> None:
    assert decide(2, (32, 32), quiet=True) == Job(2, ("0",))
    assert decide(2, (33, 33), quiet=True) == Job(2, ())
    assert decide(0, (900, 900), (3, 3), (2, 2), quiet=True) == Job(0, ("2", "1"))
    assert decide(1, (400, 400), (300, 300), (2, 2), quiet=True, seal_at=80) == Job(1, ("1", "0"))


def test_what_is_made_while_it_is_quiet_stays_within_the_limit() -> None:
    assert decide(0, (600, 600), (500, 500), quiet=True) is None
    assert decide(9, (600, 600), (395, 395), quiet=True, seal_at=80) == Job(5, ("1", "0"))
    assert decide(0, (80, 100), (40, 40), quiet=True) == Job(0, ("0",))


@given(st.integers(0, 99), st.lists(st.integers(1, 900), max_size=12))
def test_quiet_jobs_end_and_leave_no_segment_without_need(delta: int, counts: list[int]) -> None:
    segments = {str(place): count for place, count in enumerate(counts)}
    for step in range(30):
        states = [SegmentState(token, count, count) for token, count in segments.items()]
        job = plan(delta, states, seal_at=100, most=MOST, quiet=True)
        if job is None:
            break
        assert job.delta_count <= delta
        size = job.delta_count + sum(segments.pop(token) for token in job.tokens)
        delta -= job.delta_count
        assert size <= MOST
        if size:
            segments[f"made{step}"] = size
    else:
        raise AssertionError("the plan never ends")
    assert delta < 12
    for less, more in itertools.pairwise(sorted(segments.values())):
        assert less + more > MOST or more > 16 * less


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 100)), max_size=60))
def test_jobs_end_and_leave_few_segments_and_few_tombstones(history: list[tuple[int, int]]) -> None:
    delta, segments, made = 0, {}, 0
    for added, lost_percent in history:
        delta += added
        segments = {t: (live - live * lost_percent // 100, count) for t, (live, count) in segments.items()}
        for _ in range(200):
            states = [SegmentState(token, *counts) for token, counts in segments.items()]
            job = plan(delta, states, seal_at=SEAL_AT, most=MOST)
            if job is None:
                break
            live = job.delta_count + sum(segments.pop(token)[0] for token in job.tokens)
            delta -= job.delta_count
            made += 1
            if live:
                segments[str(made)] = (live, live)
            assert live <= MOST
        else:
            raise AssertionError("the plan never ends")
        assert delta < SEAL_AT
        for live, count in segments.values():
            assert count - live < TOMBSTONE_RATIO * count or count == live == 0


def test_a_steady_stream_is_built_in_again_a_logarithmic_number_of_times() -> None:
    segments: dict[str, int] = {}
    built = 0
    for step in range(512):
        states = [SegmentState(token, count, count) for token, count in segments.items()]
        job = plan(SEAL_AT, states, seal_at=SEAL_AT, most=10**9)
        assert job is not None
        count = job.delta_count + sum(segments.pop(token) for token in job.tokens)
        segments[str(step)] = count
        built += count
        assert len(segments) <= 10
    assert built <= 10 * 512 * SEAL_AT
