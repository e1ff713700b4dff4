def test_requests_are_due_at_a_rate_whatever_the_answers_take(schedule):
    plan = schedule.Schedule(10.0, 2.0, ("a", "b", "b"))
    assert plan.wait_s(9.5) == 0.5
    assert plan.take() == (10.0, "a")
    assert plan.wait_s(17.0) == 0.0  # the first took 7 s: two are late, and keep the time that they were due
    assert [plan.take() for _ in range(3)] == [(12.0, "b"), (14.0, "b"), (16.0, "a")]
    assert plan.wait_s(17.0) == 1.0


def test_what_was_due_and_not_sent_is_told(schedule):
    plan = schedule.Schedule(0.0, 1.0, ("a", "b"))
    plan.take()
    assert plan.unsent(4.0) == ["b", "a", "b"]
    assert plan.unsent(4.0) == []
