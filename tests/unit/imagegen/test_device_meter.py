import itertools

from imagegen.device_meter import DeviceMeter, Spent


class Joules:
    """A meter that counts 2 J between calls."""

    def __init__(self) -> None:
        self.calls = 0

    def joules(self) -> float | None:
        self.calls += 1
        return 2.0 * self.calls


def test_waiting_for_the_device_is_part_of_the_work() -> None:
    order: list[str] = []
    clock = itertools.count()

    def now() -> float:
        order.append("clock")
        return next(clock)

    meter = DeviceMeter(lambda: order.append("wait"), clock=now)
    assert meter.measure(lambda: order.append("work")) == Spent(1.0, None)
    assert order == ["clock", "work", "wait", "clock"]
    assert not meter.counts_energy


def test_joules_are_those_of_the_work_alone() -> None:
    joules = Joules()
    meter = DeviceMeter(energy=joules)
    assert meter.counts_energy
    assert meter.measure(lambda: None).joules == 4.0  # the first reading was of what came before
