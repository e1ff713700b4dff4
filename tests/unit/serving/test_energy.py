import sys

import pytest
from serving.energy import SampledMeter, added, open_nvml, open_rapl


def domain(root, name, joules, span=1000):
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(f"{round(joules * 1e6)}\n")
    (folder / "max_energy_range_uj").write_text(f"{span * 10**6}\n")


def test_packages_are_summed_and_their_parts_are_not(tmp_path) -> None:
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        domain(tmp_path, name, 10)
    meter = open_rapl(tmp_path)
    assert meter is not None
    for name, joules in (("intel-rapl:0", 12), ("intel-rapl:1", 13.5), ("intel-rapl:0:0", 500)):
        domain(tmp_path, name, joules)
    assert meter.joules() == 5.5
    assert meter.joules() == 0


def test_a_counter_that_wraps_is_counted_on(tmp_path) -> None:
    domain(tmp_path, "intel-rapl:0", 990)
    meter = open_rapl(tmp_path)
    assert meter is not None
    domain(tmp_path, "intel-rapl:0", 5)
    assert meter.joules() == 15


def test_no_meter_is_no_error(tmp_path) -> None:
    assert open_rapl(tmp_path) is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert open_rapl(tmp_path) is None


PYNVML = """
class NVMLError(Exception): ...
def nvmlInit():
    if not driver: raise NVMLError("no driver")
def nvmlDeviceGetHandleByUUID(uuid): return uuid
def nvmlDeviceGetTotalEnergyConsumption(device): return 7
"""


@pytest.mark.parametrize("driver", [True, False])
def test_a_gpu_is_measured_where_its_library_and_its_driver_are(tmp_path, monkeypatch, driver) -> None:
    (tmp_path / "pynvml.py").write_text(f"driver = {driver}\n{PYNVML}")
    monkeypatch.syspath_prepend(tmp_path)
    meter = open_nvml("GPU-1")
    del sys.modules["pynvml"]
    assert (meter is not None) is driver
    if meter is not None:
        meter.sample()
        assert meter.joules() == 0


def test_without_its_library_a_gpu_is_not_measured(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_nvml("GPU-1") is None


def test_a_sum_is_known_when_all_of_it_is() -> None:
    assert added(added(0.0, 1.5, 1.0), 2.0, 0.5) == 2.5
    assert added(added(0.0, None, 1.0), 2.0, 0.5) is None
    assert added(0.0, 0.0, 1.0) == 0.0


class Turned:
    """A counter and a clock that are turned by hand."""

    def __init__(self) -> None:
        self.now, self.used = 0.0, 0.0

    def joules(self) -> float | None:
        used, self.used = self.used, 0.0
        return None if used < 0 else used


def test_a_sampled_meter_is_not_read_between_samples() -> None:
    turned = Turned()
    meter = SampledMeter(turned, clock=lambda: turned.now)
    assert meter.joules() is None  # its power is not known yet
    turned.now, turned.used = 2.0, 600.0
    meter.sample()
    assert meter.joules() == 600
    turned.now, turned.used = 2.25, 1e6
    assert meter.joules() == 75  # at 300 W
    assert meter.joules() == 0
    turned.now, turned.used = 3.0, -1.0
    meter.sample()
    assert meter.joules() is None
    turned.now, turned.used = 4.0, 5.0
    meter.sample()
    assert meter.joules() == 5
    meter.sample()  # again before the clock has moved
    assert meter.joules() is None
