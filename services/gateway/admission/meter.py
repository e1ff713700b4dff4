"""Counts the tokens of one answer as they stream."""

from gateway.admission.cost import text_cost
from gateway.admission.forecast import OutputLength
from gateway.admission.ticket import Ticket


class TextMeter:
    """Tells a ticket of tokens read and generated."""

    def __init__(self, ticket: Ticket, lengths: OutputLength) -> None:
        self._ticket = ticket
        self._lengths = lengths
        self._read = self._generated = 0

    def started(self, read: int) -> None:
        """The prompt has so many tokens."""
        self._read = read
        self._tell()

    def more(self, generated: int) -> None:
        """So many more are generated."""
        self._generated += generated
        self._tell()

    def finished(self, read: int, generated: int) -> None:
        """All that was used, as the service counts it."""
        self._read, self._generated = read, generated
        self._tell()
        self._ticket.complete = True
        self._lengths.saw(generated)

    def _tell(self) -> None:
        self._ticket.used(text_cost(self._read, self._generated))
