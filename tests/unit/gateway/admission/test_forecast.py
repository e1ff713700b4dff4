import pytest
from gateway.admission.forecast import OutputLength, ServedRate


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
