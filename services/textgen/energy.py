"""Energy of the processor package, where the machine lets us read it (Linux powercap, RAPL)."""

from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


class RaplMeter:
    """Sums the package domains' counters, joules. They wrap; a wrap is counted once."""

    def __init__(self, domains: list[Path]) -> None:
        self._domains = domains
        self._ranges = [int((domain / "max_energy_range_uj").read_text()) for domain in domains]
        self._last = self._read()

    def _read(self) -> list[int]:
        return [int((domain / "energy_uj").read_text()) for domain in self._domains]

    def joules(self) -> float:
        """Joules since the last call."""
        now = self._read()
        used = sum((new - old) % span for new, old, span in zip(now, self._last, self._ranges, strict=True))
        self._last = now
        return used / 1e6


def open_meter(root: Path = _POWERCAP) -> RaplMeter | None:
    """The machine's meter, or None where there is none that may be read."""
    domains = sorted(path for path in root.glob("intel-rapl:*") if path.name.count(":") == 1)
    try:
        return RaplMeter(domains) if domains else None
    except (OSError, ValueError):
        return None
