from gateway.admission.cost import Cost, image_cost, text_cost, tokens_of
from hypothesis import given
from hypothesis import strategies as st

NUMBER = st.none() | st.integers(-(2**31), 2**31 - 1)


@given(NUMBER, NUMBER, NUMBER, NUMBER)
def test_whatever_a_request_says_an_image_costs_something_and_within_bounds(count, steps, width, height):
    cost = image_cost(count, steps, width, height)
    assert 1 <= cost.units <= 256 * 1000 * 1024
    assert cost.tokens == 0


def test_costs():
    assert text_cost(10, 5) == Cost(20.0, 15)
    assert text_cost(10, 5) - text_cost(10) == Cost(10.0, 5)
    assert image_cost(2, 10, 512, 256) == Cost(40.0)
    assert image_cost(None, None, None, None) == Cost(20.0)
    assert (tokens_of(0), tokens_of(400)) == (1, 100)
