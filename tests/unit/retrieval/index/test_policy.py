from hypothesis import given
from hypothesis import strategies as st
from retrieval.index.policy import TOMBSTONE_RATIO, Job, SegmentState, plan

SEAL_AT, MOST = 10, 1000


def decide(delta_count: int, *segments: tuple[int, int]) -> Job | None:
    """Plan for segments given as (living, all), named by their place."""
    states = [SegmentState(str(i), live, count) for i, (live, count) in enumerate(segments)]
    return plan(delta_count, states, seal_at=SEAL_AT, most=MOST)


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
