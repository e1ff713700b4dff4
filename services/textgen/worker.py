"""The one thread that owns the device.

Lanes (a running batch of a generator, a queue of one-shot batches) take turns, one step each, so a long
generation never holds an embedding back for more than a step. All state of a lane lives on this thread;
others reach it by `post`.

A thread that is stuck in a device's call can't be ended. It is left behind: another takes its place, and should
the call ever return, the old thread finds that it owns nothing any more.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, Thread
from typing import Protocol

import structlog
from serving.errors import Unavailable

log = structlog.get_logger(__name__)
_STOP_SECONDS = 30.0


class Lane(Protocol):
    """Something that has device work to do, a step at a time."""

    def has_work(self) -> bool: ...
    def step(self) -> None: ...  # fails requests, not itself
    def restart(self) -> None: ...  # a new thread has taken over: begin anew what was being computed
    def close(self) -> None: ...  # fail what is unfinished: the worker stops


class LeftBehindError(Exception):
    """The thread that sees this owns nothing any more."""


class DeviceWorker:
    """Runs lanes in turn until it is stopped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lanes: list[Lane] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._changed = Condition()
        self._stopping = False
        self._baton = Lock()  # who holds it owns the lanes
        self._epoch = 0
        self._holder = 0  # the epoch of the thread that holds the baton
        self._thread = self._new_thread()
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
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def restart(self) -> None:
        """Leave the thread behind, stuck as it is, and let another take over. From any thread."""
        with self._changed:
            if self._stopping:
                return
            self._epoch += 1
            self._progress, self._busy = self._clock(), True
            self._thread = self._new_thread()
            self._changed.notify_all()  # the old thread, should it merely be waiting
        self._thread.start()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Around waiting, or a call that may get stuck; while it lasts, another thread may take over the lanes."""
        epoch = self._holder
        self._baton.release()
        try:
            yield
        finally:
            self._baton.acquire()
            if self._epoch != epoch:
                raise LeftBehindError
            self._holder = epoch

    def post(self, action: Callable[[], None]) -> None:
        """Run a short action on the device thread, before its next step. From any thread.

        Unavailable once the worker is stopping.
        """
        with self._changed:
            if self._stopping:
                raise Unavailable("the engine is stopping")
            self._posted.append(action)
            self._changed.notify_all()

    def healthy(self, stall_seconds: float) -> bool:
        """False when there is work and no step has ended for stall_seconds, or the thread is gone."""
        if not self._thread.is_alive():
            return False
        return not self._busy or self._clock() - self._progress <= stall_seconds

    def _new_thread(self) -> Thread:
        return Thread(target=self._run, args=(self._epoch,), name="textgen-device", daemon=True)

    def _run(self, epoch: int) -> None:
        with self._baton:
            self._holder = epoch
            try:
                if epoch > 0:
                    for lane in self._lanes:
                        self._guarded(lane.restart)
                self._take_turns(epoch)
            except LeftBehindError:
                log.warning("device_thread_came_back", epoch=epoch)

    def _take_turns(self, epoch: int) -> None:
        while True:
            with self.computing(), self._changed:
                while not (self._epoch > epoch or self._posted or self._stopping or self._has_work()):
                    self._busy = False
                    self._changed.wait()
            with self._changed:
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
        except LeftBehindError:
            raise
        except Exception:
            log.exception("device_step_failed")
