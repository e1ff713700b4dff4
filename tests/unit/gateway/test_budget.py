from gateway.balancing.budget import RetryBudget


def test_the_reserve_is_there_at_once_and_then_retries_are_a_share_of_the_calls():
    budget = RetryBudget(reserve=3, ratio=0.25)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    for _ in range(3):
        budget.called()
    assert not budget.take()
    budget.called()
    assert budget.take()
    assert not budget.take()


def test_what_is_saved_never_grows_over_the_reserve():
    budget = RetryBudget(reserve=2, ratio=0.5)
    for _ in range(100):
        budget.called()
    assert [budget.take() for _ in range(3)] == [True, True, False]
