from hypothesis import given
from hypothesis import strategies as st
from retrieval.credits import Credits


@given(st.integers(1, 9), st.lists(st.booleans(), max_size=80))
def test_a_client_never_starves_and_never_exceeds_the_window(window: int, steps: list[bool]) -> None:
    credits, held, in_flight = Credits(window), window, 0
    for send in steps:
        if send:
            spent = credits.spend()
            assert spent == (held > 0)
            held, in_flight = held - spent, in_flight + spent
        elif in_flight:
            in_flight -= 1
            held += credits.give_back()
        assert in_flight <= window
        assert held > 0 or in_flight > 0


def test_credits_come_back_half_a_window_at_a_time() -> None:
    credits = Credits(4)
    assert [credits.spend() for _ in range(5)] == [True, True, True, True, False]
    assert [credits.give_back() for _ in range(4)] == [0, 2, 0, 2]
