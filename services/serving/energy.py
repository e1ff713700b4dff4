"""Energy of the device that computes: an NVIDIA GPU's by NVML, a processor package's by RAPL (Linux powercap).

Meters measure all that runs on the device meanwhile. What can't be read is absent, and never invented.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

_POWERCAP = Path("/sys/class/powercap")
_PERIOD_S = 0.1


class EnergyMeter(Protocol):
    """A port: what counts joules. From one thread."""

    def joules(self) -> float | None:
        """Joules since the last call; None when the counter could not be read, now or then."""
        ...


class RaplMeter:
    """Sums the package domains' counters, joules. They wrap; a wrap is counted once."""

    def __init__(self, domains: Sequence[Path]) -> None:
        """OSError or ValueError when they can't be read."""
        self._domains = domains
        self._ranges = [int((domain / "max_energy_range_uj").read_text()) for domain in domains]
        self._last: list[int] | None = self._read()

    def _read(self) -> list[int]:
        return [int((domain / "energy_uj").read_text()) for domain in self._domains]

    def joules(self) -> float | None:
        """Joules since the last call."""
        before, self._last = self._last, None
        try:
            self._last = self._read()
        except (OSError, ValueError):
            return None
        if before is None:
            return None
        used = sum(
            (new - old) % span for new, old, span in zip(self._last, before, self._ranges, strict=True)
        )
        return used / 1e6


class NvmlMeter:
    """The counter of one GPU, which its driver renews every few tens of ms: exact in the sum, not in a short pass."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        """nvml has the functions of the module pynvml; its NVMLError passes through when there is no counter."""
        self._nvml = nvml
        nvml.nvmlInit()
        self._device = nvml.nvmlDeviceGetHandleByUUID(uuid)
        self._last: int | None = self._read()

    def _read(self) -> int:
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._device))  # mJ since the driver began

    def joules(self) -> float | None:
        """Joules since the last call."""
        before, self._last = self._last, None
        try:
            self._last = self._read()
        except self._nvml.NVMLError:
            return None
        return None if before is None or self._last < before else (self._last - before) / 1e3


class SampledMeter:
    """A meter that takes milliseconds to read, read now and then by `sample`: between, its power is as it was last.

    So a pass is not held up, and passes that are shorter than the counter's own period have their share.
    """

    def __init__(self, meter: EnergyMeter, clock: Callable[[], float] = time.monotonic) -> None:
        self._meter, self._clock = meter, clock
        self._watts: float | None = None
        self._sampled = self._asked = clock()
        meter.joules()

    def sample(self) -> None:
        """Read the meter. From one thread, which may be another than that of `joules`."""
        now, joules = self._clock(), self._meter.joules()
        self._watts = None if joules is None or now <= self._sampled else joules / (now - self._sampled)
        self._sampled = now

    def joules(self) -> float | None:
        """Joules since the last call, at the latest power; None when that is not known."""
        now, watts = self._clock(), self._watts
        seconds, self._asked = now - self._asked, now
        return None if watts is None else watts * seconds

    def keep_sampling(self, period_s: float) -> None:
        """Sample for as long as the process lives, in a thread."""

        def run() -> None:
            while True:
                time.sleep(period_s)
                self.sample()

        threading.Thread(target=run, name="energy", daemon=True).start()


def open_rapl(root: Path = _POWERCAP) -> RaplMeter | None:
    """The processor's meter, or None where there is none that may be read."""
    domains = sorted(path for path in root.glob("intel-rapl:*") if path.name.count(":") == 1)
    try:
        return RaplMeter(domains) if domains else None
    except (OSError, ValueError):
        return None


def open_nvml(uuid: str) -> SampledMeter | None:
    """The meter of a GPU by its UUID, read ten times a second.

    None without pynvml, without a driver, for old GPUs and parts of one.
    """
    try:
        import pynvml
    except ImportError:
        return None
    try:
        meter = SampledMeter(NvmlMeter(pynvml, uuid))
    except pynvml.NVMLError:
        return None
    meter.keep_sampling(_PERIOD_S)
    return meter


def added(so_far: float | None, joules: float | None, share: float) -> float | None:
    """A request's joules with its share of those of a pass; None as soon as some are not known."""
    return None if so_far is None or joules is None else so_far + joules * share
