"""The port EnergyMeter: every meter, over a counter that is turned by hand."""

import pytest
from serving.energy import NvmlMeter, RaplMeter


class Rapl:
    """A package domain as powercap shows it."""

    def __init__(self, folder):
        self._folder, self._joules = folder / "intel-rapl:0", 990.0
        self._folder.mkdir()
        (self._folder / "max_energy_range_uj").write_text("1000000000\n")
        self.use(0)

    def use(self, joules):
        self._joules = (self._joules + joules) % 1000  # it wraps
        (self._folder / "energy_uj").write_text(f"{round(self._joules * 1e6)}\n")

    def fail(self):
        (self._folder / "energy_uj").unlink()

    def meter(self):
        return RaplMeter([self._folder])


class Nvml:
    """The functions of pynvml that the meter calls, with one GPU."""

    class NVMLError(Exception): ...

    def __init__(self, folder):
        self._millijoules, self._fails, self._initialised = 5_000_000, False, False

    def nvmlInit(self):
        self._initialised = True

    def nvmlDeviceGetHandleByUUID(self, uuid):
        assert self._initialised
        if uuid != "GPU-1":
            raise self.NVMLError("not found")
        return "handle"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        assert handle == "handle"
        if self._fails:
            raise self.NVMLError("unknown error")
        return self._millijoules

    def use(self, joules):
        self._fails = False
        self._millijoules += round(joules * 1e3)

    def fail(self):
        self._fails = True

    def meter(self):
        return NvmlMeter(self, "GPU-1")


@pytest.fixture(params=[Rapl, Nvml])
def counter(request, tmp_path):
    return request.param(tmp_path)


def test_joules_are_those_since_the_last_call(counter):
    counter.use(3)
    meter = counter.meter()
    assert meter.joules() == 0
    counter.use(12.5)
    counter.use(0.25)
    assert meter.joules() == 12.75
    assert meter.joules() == 0


def test_what_was_used_while_nothing_could_be_read_is_not_known(counter):
    meter = counter.meter()
    counter.fail()
    assert meter.joules() is None
    assert meter.joules() is None
    counter.use(5)
    assert meter.joules() is None
    counter.use(2)
    assert meter.joules() == 2


def test_a_counter_that_began_anew_tells_nothing_of_the_time_before(tmp_path):
    counter = Nvml(tmp_path)
    meter = counter.meter()
    counter.use(-4000)
    assert meter.joules() is None
    counter.use(1)
    assert meter.joules() == 1


def test_a_gpu_without_a_counter_has_no_meter(tmp_path):
    with pytest.raises(Nvml.NVMLError):
        NvmlMeter(Nvml(tmp_path), "GPU-2")
