"""What work costs on the device: seconds and, where a meter is, joules. Used by the device thread alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from serving.energy import EnergyMeter, open_nvml, open_rapl


@dataclass(frozen=True, slots=True)
class Spent:
    """Device seconds, and joules where they could be read."""

    seconds: float
    joules: float | None = None


class DeviceMeter:
    """Measures what runs on one device."""

    def __init__(
        self,
        wait: Callable[[], None] = lambda: None,
        energy: EnergyMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wait` returns when the device has done what it was given; a CPU has when the call returns."""
        self._wait = wait
        self._energy = energy
        self._clock = clock

    @property
    def counts_energy(self) -> bool:
        """True when joules can be known."""
        return self._energy is not None

    def measure(self, work: Callable[[], None]) -> Spent:
        """Do `work` and tell what it cost."""
        if self._energy is not None:
            self._energy.joules()
        begun = self._clock()
        work()
        self._wait()
        seconds = self._clock() - begun
        return Spent(seconds, None if self._energy is None else self._energy.joules())


def open_device_meter(device: torch.device) -> DeviceMeter:
    """The meter of what torch computes on `device`; its energy only where that can be read."""
    if device.type == "cpu":
        return DeviceMeter(energy=open_rapl())
    energy = open_nvml(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    return DeviceMeter(lambda: torch.cuda.synchronize(device), energy)
