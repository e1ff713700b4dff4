"""A lock with two sides: many may share it, or one may have it alone."""

import contextlib
import threading
from collections.abc import Iterator


class SharedLock:
    """Waiting for exclusion keeps new sharers out, so a stream of readers cannot starve a writer.

    Not reentrant: a thread that shares it must not share it again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharers = 0
        self._waiting = 0
        self._exclusive = False

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with other sharers."""
        with self._changed:
            self._changed.wait_for(lambda: not self._exclusive and not self._waiting)
            self._sharers += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharers -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def shared_at_once(self) -> Iterator[bool]:
        """Hold the lock together with other sharers if that takes no waiting; gives whether it is held."""
        with self._changed:
            held = not self._exclusive and not self._waiting
            self._sharers += held
        try:
            yield held
        finally:
            if held:
                with self._changed:
                    self._sharers -= 1
                    self._changed.notify_all()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock alone."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._exclusive and not self._sharers)
                self._exclusive = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._exclusive = False
                self._changed.notify_all()
