import pytest
from serving.errors import DeadlineUnreachable, Overloaded
from textgen.admission import Admission, Ticket


def admission_of(most: int = 10_000, tokens: int = 10**9, *, waiting: int = 0) -> Admission:
    made = Admission(most, tokens)
    for _ in range(waiting):
        made.enter(1, None, 0.0)
    return made


def test_more_than_may_wait_are_refused_with_a_time() -> None:
    admission = admission_of(2, waiting=2)
    with pytest.raises(Overloaded, match="2 requests") as caught:
        admission.enter(1, None, 0.0)
    assert caught.value.retry_after_s == 1.0  # nothing is known yet
    admission.leave(1, 0.0, served=False)
    admission.enter(1, None, 0.0)


def test_more_tokens_than_may_wait_are_refused_but_one_always_may() -> None:
    admission = admission_of(tokens=100)
    admission.enter(500, None, 0.0)
    with pytest.raises(Overloaded, match="500 tokens"):
        admission.enter(1, None, 0.0)
    admission.leave(500, 0.0, served=True)
    admission.enter(60, None, 0.0)
    with pytest.raises(Overloaded, match="60 tokens"):
        admission.enter(41, None, 0.0)
    admission.enter(40, None, 0.0)
    assert (admission.waiting, admission.waiting_tokens) == (2, 100)


def test_a_deadline_before_all_that_waits_can_be_read_is_refused_at_once() -> None:
    admission = admission_of()
    admission.enter(5000, 0.001, 0.0)  # nothing is known yet
    admission.measured(2000, 1.0)
    admission.measured(1000, 1.0)  # slower passes hardly count: it may get better again
    admission.measured(10, 1e-9)  # and short ones not at all
    assert admission.reading_s(0) == pytest.approx(2.5, rel=0.02)
    with pytest.raises(DeadlineUnreachable):
        admission.enter(1000, 12.9, 10.0)
    admission.enter(1000, 13.1, 10.0)
    with pytest.raises(DeadlineUnreachable):
        admission_of().enter(1, 10.0, 10.0)


def test_the_time_comes_from_the_recent_rate() -> None:
    admission = admission_of(100, waiting=30)
    for second in range(10):
        admission.leave(1, float(second) / 2, served=True)  # two a second
    assert admission.waiting == 20
    assert admission.retry_after_s() == pytest.approx(5.0)
    for _ in range(80):
        admission.enter(1, None, 0.0)
    assert admission.retry_after_s() == pytest.approx(25.0)


def test_the_time_is_bounded() -> None:
    admission = admission_of(waiting=5000)
    admission.leave(1, 0.0, served=True)
    admission.leave(1, 10.0, served=True)
    assert admission.retry_after_s() == 30.0


def test_a_ticket_gives_its_place_back_once(registry, metrics) -> None:
    def ticket(deadline=None):
        return Ticket(admission, metrics, lambda: 0.0, tokens=7, deadline=deadline)

    def refused(reason):
        labels = {"model": "m", "reason": reason}
        return registry.get_sample_value("quadrille_text_admission_rejections_total", labels)

    admission = admission_of(1)
    first = ticket()
    assert registry.get_sample_value("quadrille_text_requests_waiting", {"model": "m"}) == 1
    with pytest.raises(Overloaded):
        ticket()
    with pytest.raises(DeadlineUnreachable):
        ticket(deadline=-1.0)
    assert (refused("overloaded"), refused("deadline")) == (1, 1)
    first.served()
    first.gone()
    assert (admission.waiting, admission.waiting_tokens) == (0, 0)
    assert registry.get_sample_value("quadrille_text_requests_waiting", {"model": "m"}) == 0
