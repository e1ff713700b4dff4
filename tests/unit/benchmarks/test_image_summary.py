import pytest

from benchmarks.image.requests import Request
from benchmarks.image.summary import Outcome, by_steps, summary


def outcome(steps, latency):
    return Outcome(Request("x", steps, 0), latency)


def test_rates_latencies_and_what_was_in_time():
    outcomes = [outcome(10, 1.0), outcome(10, 4.0), outcome(50, 7.0), outcome(50, None)]
    found = summary(outcomes, seconds=10.0, passes=35.0, alone={10: 1.0, 50: 3.0})
    assert (found["requests"], found["failed"], found["requests_per_s"]) == (4, 1, 0.3)
    assert found["goodput_per_s"] == 0.2  # the second took more than three times one second
    assert (found["mean_s"], found["median_s"], found["p99_s"]) == (4.0, 4.0, 7.0)
    assert found["occupancy"] == 2.0


def test_without_an_answer_there_are_no_latencies():
    assert summary([outcome(10, None)], 1.0, 0.0, {}) == {"requests": 1, "failed": 1}


def test_latencies_by_steps_are_means_of_what_was_answered():
    found = by_steps([outcome(10, 1.0), outcome(10, 2.0), outcome(20, None), outcome(50, 5.0)])
    assert found == {10: pytest.approx(1.5), 50: 5.0}
