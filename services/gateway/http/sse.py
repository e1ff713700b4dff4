"""Server-sent events as bytes: where each ends, and the numbers that they get.

The format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import re
from collections.abc import Iterator

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
ERROR = b'data: {"error"'  # how an event begins that says that its stream failed


class Splitter:
    """Cuts a stream of bytes into events, each with the blank line behind it."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, content: bytes) -> Iterator[bytes]:
        """The events that are whole by now."""
        self._rest += content
        begun = 0
        for end in _END.finditer(self._rest):
            yield self._rest[begun : end.end()]
            begun = end.end()
        self._rest = self._rest[begun:]

    def flush(self) -> bytes:
        """What is left at the end."""
        rest, self._rest = self._rest, b""
        return rest


def numbered(event: bytes, number: int) -> bytes:
    """An event with its number, which a browser sends back as `Last-Event-ID`; comments stay without."""
    return event if event.startswith(b":") else b"id: %d\n" % number + event
