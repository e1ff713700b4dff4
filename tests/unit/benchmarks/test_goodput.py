import asyncio

import pytest

from benchmarks.load.arrivals import Arrival
from benchmarks.load.goodput import Limits, Outcome, summary
from benchmarks.load.measure import ratios, send
from benchmarks.text.ratios import OURS, VLLM

BEARABLE = Limits(first_s=1.0, between_s=0.1)


def test_only_what_is_in_time_by_both_limits_is_good():
    in_time, late, slow, failed = (
        Outcome(0.5, 1.4, 10),
        Outcome(1.1, 1.4, 10),
        Outcome(0.5, 1.5, 10),
        Outcome(None, 0.1, 0),
    )
    assert [BEARABLE.holds(outcome) for outcome in (in_time, late, slow, failed)] == [
        True,
        False,
        False,
        False,
    ]
    found = summary([in_time, in_time, late, slow, failed], BEARABLE, seconds=4.0)
    assert (found["goodput_per_s"], found["in_time_ratio"], found["failed"]) == (0.5, 0.4, 1)
    assert found["ttft_p50_ms"] == 500.0 and found["ttft_p90_ms"] == 1100.0


def test_nothing_answered_has_no_percentiles():
    found = summary([Outcome(None, 0.1, 0)], BEARABLE, seconds=1.0)
    assert found["goodput_per_s"] == 0 and found["ttft_p50_ms"] is None


def test_the_time_between_tokens_leaves_the_first_out():
    assert Outcome(1.0, 3.0, 5).between_s == pytest.approx(0.5)


def test_requests_do_not_wait_for_answers_and_short_ones_have_failed():
    under_way, most = 0, 0

    async def ask(arrival):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        while most < 3:  # answered only when all three have been sent
            await asyncio.sleep(0)
        yield 1
        yield arrival.tokens - 1 if arrival.due_s == 0 else 0
        under_way -= 1

    outcomes = asyncio.run(send(ask, [Arrival(due, (1,), 4) for due in (0.0, 0.01, 0.02)]))
    assert most == 3
    assert [outcome.first_s is None for outcome in outcomes] == [False, True, True]


def test_goodput_is_compared_part_by_part():
    rows = [{"engine": OURS, "part": part, "goodput_per_s": 3.0} for part in (0.5, 0.8, 1.5)]
    rows += [
        {"engine": VLLM, "part": 0.5, "goodput_per_s": 2.0},
        {"engine": VLLM, "part": 1.5, "goodput_per_s": 0.0},
    ]
    assert {name: ratio.value for name, ratio in ratios(rows).items()} == {"goodput_0.5_to_vllm": 1.5}
