"""The one thread that owns the device.

Lanes (a running batch of a generator, a queue of one-shot batches) take turns, one step each, so a long
generation never holds an embedding back for more than a step. All state of a lane lives on this thread;
others reach it by `post`.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Protocol

import structlog
from serving.errors import Unavailable

log = structlog.get_logger(__name__)


class Lane(Protocol):
    """Something that has device work to do, a step at a time."""

    def has_work(self) -> bool: ...
    def step(self) -> None: ...  # fails requests, not itself
    def close(self) -> None: ...  # fail what is unfinished: the worker stops


class DeviceWorker:
    """Runs lanes in turn until it is stopped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lanes: list[Lane] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._changed = Condition()
        self._stopping = False
        self._thread = Thread(target=self._run, name="textgen-device", daemon=True)
        self._busy = False
        self._progress = clock()

    def add(self, lane: Lane) -> None:
        """Give a lane its turn; before `start`, or by `post`."""
        self._lanes.append(lane)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the step at hand, fail the rest, end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def post(self, action: Callable[[], None]) -> None:
        """Run a short action on the device thread, before its next step. From any thread.

        Unavailable once the worker is stopping.
        """
        with self._changed:
            if self._stopping:
                raise Unavailable("the engine is stopping")
            self._posted.append(action)
            self._changed.notify()

    def healthy(self, stall_seconds: float) -> bool:
        """False when there is work and no step has ended for stall_seconds, or the thread is gone."""
        if not self._thread.is_alive():
            return False
        return not self._busy or self._clock() - self._progress <= stall_seconds

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._posted and not self._stopping and not self._has_work():
                    self._busy = False
                    self._changed.wait()
                if not self._busy:
                    self._progress, self._busy = self._clock(), True
                actions = list(self._posted)
                self._posted.clear()
                stopping = self._stopping
            for action in actions:
                self._guarded(action)
            for lane in self._lanes:
                if stopping:
                    self._guarded(lane.close)
                elif lane.has_work():
                    self._guarded(lane.step)
                self._progress = self._clock()
            if stopping:
                return

    def _has_work(self) -> bool:
        return any(lane.has_work() for lane in self._lanes)

    @staticmethod
    def _guarded(action: Callable[[], None]) -> None:
        # Lanes answer for their requests; whatever else happens must not end the thread.
        try:
            action()
        except Exception:
            log.exception("device_step_failed")
