import pytest
from serving.errors import Overloaded
from textgen.admission import Admission, Ticket


def test_more_than_may_wait_are_refused_with_a_time() -> None:
    admission = Admission(2)
    admission.enter()
    admission.enter()
    with pytest.raises(Overloaded) as caught:
        admission.enter()
    assert caught.value.retry_after_s == 1.0  # nothing is known yet
    admission.leave(0.0, served=False)
    admission.enter()


def test_the_time_comes_from_the_recent_rate() -> None:
    admission = Admission(100)
    for _ in range(30):
        admission.enter()
    for second in range(10):
        admission.leave(float(second) / 2, served=True)  # two a second
    assert admission.waiting == 20
    assert admission.retry_after_s() == pytest.approx(5.0)
    for _ in range(80):
        admission.enter()
    assert admission.retry_after_s() == pytest.approx(25.0)


def test_the_time_is_bounded() -> None:
    admission = Admission(10_000)
    for _ in range(5000):
        admission.enter()
    admission.leave(0.0, served=True)
    admission.leave(10.0, served=True)
    assert admission.retry_after_s() == 30.0


def test_a_ticket_gives_its_place_back_once(registry, metrics) -> None:
    admission = Admission(1)
    ticket = Ticket(admission, metrics, lambda: 0.0)
    assert registry.get_sample_value("quadrille_text_requests_waiting", {"model": "m"}) == 1
    with pytest.raises(Overloaded):
        Ticket(admission, metrics, lambda: 0.0)
    labels = {"model": "m", "reason": "overloaded"}
    assert registry.get_sample_value("quadrille_text_admission_rejections_total", labels) == 1
    ticket.served()
    ticket.gone()
    assert admission.waiting == 0
    assert registry.get_sample_value("quadrille_text_requests_waiting", {"model": "m"}) == 0
