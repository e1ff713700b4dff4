import pytest
from gateway.admission.forecast import OutputLength, ServedRate, ServiceTime
from hypothesis import given
from hypothesis import strategies as st


def test_nothing_is_predicted_from_nothing():
    assert ServiceTime().rate(1) is None
    assert ServiceTime().mean_units() == 0.0


@given(st.floats(0.001, 10), st.integers(1, 64), st.floats(0.5, 100))
def test_a_steady_service_is_predicted_exactly(seconds, places, units):
    time = ServiceTime()
    for _ in range(5):
        time.saw(seconds, units)
    assert time.rate(places) == pytest.approx(places * units / seconds)
    assert time.mean_units() == pytest.approx(units)


def test_recent_requests_weigh_more():
    time = ServiceTime()
    for seconds in (1.0, 9.0):
        for _ in range(200):
            time.saw(seconds, units=1.0)
    assert time.rate(1) == pytest.approx(1 / 9, rel=0.01)


def test_what_was_broken_off_late_tells_that_work_takes_longer():
    time = ServiceTime()
    time.broke_off(5.0, units=1.0)
    assert time.seconds(1.0) == 0.0  # nothing is known, and this would be a guess
    time.saw(1.0, units=1.0)
    time.broke_off(0.9, units=1.0)
    assert time.seconds(1.0) == 1.0
    for _ in range(200):
        time.broke_off(2.0, units=1.0)
    assert 2.0 < time.seconds(1.0) < 4.0  # however often


def test_what_others_are_given_is_a_rate_that_fades():
    served = ServedRate()
    for place in range(1000):
        served.saw("a", 2.0, 1.0, place / 10)
        served.saw("b", 1.0, 3.0, place / 10)
    assert served.of_others("b", 100.0) == pytest.approx(20, rel=0.05)
    assert served.of_others("c", 100.0) == pytest.approx(30, rel=0.05)
    assert served.weights == {"a": 1.0, "b": 3.0}
    assert served.of_others("b", 200.0) < 0.01
    assert served.weights == {}


def test_an_answer_is_expected_as_long_as_others_but_no_longer_than_it_may_be():
    length = OutputLength()
    for _ in range(300):
        length.saw(40)
    assert (length.expect(None), length.expect(8), length.expect(-5)) == (40, 8, 0)
