import pytest

from benchmarks.image.requests import arriving, drawn


def test_the_same_seed_draws_the_same_requests():
    requests = drawn(60, (10, 20, 50), seed=1)
    assert requests == drawn(60, (10, 20, 50), seed=1) != drawn(60, (10, 20, 50), seed=2)
    other = drawn(60, (10, 20, 50), seed=1, edition=1)
    assert [request.steps for request in other] == [request.steps for request in requests]
    assert not {request.prompt for request in other} <= {request.prompt for request in requests}
    assert {request.steps for request in requests} == {10, 20, 50}
    assert len({request.prompt for request in requests}) > 50
    assert [request.seed for request in requests] == list(range(60))


def test_arrivals_have_the_rate_asked_for_and_keep_their_pattern_at_another():
    requests = drawn(2000, (10,), seed=1)
    slow, fast = arriving(requests, 2.0, seed=3), arriving(requests, 4.0, seed=3)
    assert slow[0].due_s == 0
    assert 2000 / slow[-1].due_s == pytest.approx(2.0, rel=0.1)
    assert [one.due_s for one in slow] == pytest.approx([2 * one.due_s for one in fast])
    assert [one.prompt for one in slow] == [one.prompt for one in requests]
