import pytest
from gateway.admission.cost import NOTHING, Cost, text_cost
from gateway.admission.forecast import OutputLength
from gateway.admission.meter import TextMeter
from gateway.admission.ticket import Ticket
from hypothesis import given
from hypothesis import strategies as st


class Account:
    def __init__(self, expected):
        self.total = expected
        self.ticket = Ticket(expected, self.charge)

    def charge(self, difference):
        self.total = self.total + difference


@given(st.integers(0, 100), st.integers(0, 100), st.lists(st.integers(0, 9), max_size=30), st.booleans())
def test_in_the_end_what_was_used_is_charged_and_never_less_meanwhile(expected, read, pieces, finished):
    account = Account(text_cost(expected))
    meter = TextMeter(account.ticket, OutputLength())
    meter.started(read)
    for place, piece in enumerate(pieces, start=1):
        meter.more(piece)
        assert account.total.tokens >= read + sum(pieces[:place])
    if finished:
        meter.finished(read, sum(pieces))
    account.ticket.close()
    assert account.total == text_cost(read, sum(pieces)) == account.ticket.charged
    assert account.ticket.complete is finished


@pytest.mark.parametrize(("complete", "total"), [(True, Cost(5.0, 5)), (False, NOTHING)])
def test_work_that_tells_nothing_used_what_was_expected_unless_it_failed(complete, total):
    account = Account(text_cost(5))
    account.ticket.complete = complete
    account.ticket.close()
    assert account.total == total


def test_the_length_of_whole_answers_is_learned():
    lengths = OutputLength(first=0.0)
    TextMeter(Account(NOTHING).ticket, lengths).finished(3, 100)
    assert lengths.expect(None) == 5
