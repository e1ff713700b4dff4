"""Energy of the device that computes: an NVIDIA GPU's by NVML, a processor package's by RAPL (Linux powercap).

Meters measure all that runs on the device meanwhile. What can't be read is absent, and never estimated.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

_POWERCAP = Path("/sys/class/powercap")


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


def open_rapl(root: Path = _POWERCAP) -> RaplMeter | None:
    """The processor's meter, or None where there is none that may be read."""
    domains = sorted(path for path in root.glob("intel-rapl:*") if path.name.count(":") == 1)
    try:
        return RaplMeter(domains) if domains else None
    except (OSError, ValueError):
        return None


def open_nvml(uuid: str) -> NvmlMeter | None:
    """The meter of a GPU by its UUID, or None: without pynvml, without a driver, for old GPUs and parts of one."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        return NvmlMeter(pynvml, uuid)
    except pynvml.NVMLError:
        return None


def added(so_far: float | None, joules: float | None, share: float) -> float | None:
    """A request's joules with its share of those of a pass; None as soon as some are not known."""
    return None if so_far is None or joules is None else so_far + joules * share
