from threading import Event, current_thread

import pytest
from serving.errors import Unavailable
from textgen.worker import DeviceWorker


class StuckLane:
    """Its first step does not return until `freed`; later ones end at once."""

    def __init__(self, worker):
        self.worker, self.freed, self.entered, self.done = worker, Event(), Event(), Event()
        self.left, self.restarts, self.closed, self.after = 1, 0, 0, []

    def has_work(self):
        return self.left > 0

    def step(self):
        with self.worker.computing():
            if self.restarts == 0:
                self.entered.set()
                self.freed.wait(10)
        self.after.append(current_thread())
        self.left -= 1
        self.done.set()

    def restart(self):
        self.restarts += 1

    def close(self):
        self.closed += 1
        self.left = 0


@pytest.fixture
def worker():
    made = DeviceWorker()
    yield made
    made.stop()


def test_a_stuck_thread_is_left_behind_and_owns_nothing_when_it_comes_back(worker):
    lane = StuckLane(worker)
    worker.add(lane)
    worker.start()
    assert lane.entered.wait(5)
    stuck = worker._thread
    assert worker.healthy(60)
    assert not worker.healthy(0)
    worker.restart()
    assert lane.done.wait(5)
    assert (lane.left, lane.restarts) == (0, 1)
    lane.freed.set()
    stuck.join(5)
    assert not stuck.is_alive()
    assert stuck not in lane.after
    ran = Event()
    worker.post(ran.set)
    assert ran.wait(5)
    assert worker.healthy(5)


def test_a_thread_that_was_not_stuck_after_all_hands_over_at_its_next_step(worker):
    lane = StuckLane(worker)
    lane.left, lane.restarts = 0, 0
    lane.freed.set()
    worker.add(lane)
    worker.start()
    first = worker._thread
    worker.restart()
    lane.left = 1
    worker.post(lambda: None)
    assert lane.done.wait(5)
    first.join(5)
    assert not first.is_alive()
    assert lane.restarts == 1


def test_a_thread_that_was_between_two_calls_hands_over_at_the_next(worker):
    class Slow(StuckLane):
        def step(self):  # without `computing`: it holds the lanes
            self.entered.set()
            self.freed.wait(10)
            self.left -= 1
            self.after.append(current_thread())
            self.done.set()

    lane = Slow(worker)
    worker.add(lane)
    worker.start()
    assert lane.entered.wait(5)
    first = worker._thread
    worker.restart()
    lane.freed.set()
    assert lane.done.wait(5)
    first.join(5)
    assert not first.is_alive()
    assert lane.after == [first]
    lane.left, lane.restarts = 1, 0
    lane.done.clear()
    worker.post(lambda: None)
    assert lane.done.wait(5)
    assert lane.after == [first, worker._thread]


def test_stopping_closes_the_lanes_once(worker):
    lane = StuckLane(worker)
    lane.left = 0
    worker.add(lane)
    worker.start()
    worker.stop()
    assert lane.closed == 1
    worker.restart()
    with pytest.raises(Unavailable):
        worker.post(lambda: None)


def test_a_step_that_raises_ends_nothing(worker):
    class Failing(StuckLane):
        def step(self):
            self.left -= 1
            raise RuntimeError("a fault in a lane")

    worker.add(Failing(worker))
    worker.start()
    ran = Event()
    worker.post(ran.set)
    assert ran.wait(5)
    assert worker.healthy(5)
