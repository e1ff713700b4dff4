"""What every result says: machine, versions, command, rows, ratios."""

import json
import os
import platform
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

PACKAGES = ("grpcio", "torch", "transformers", "diffusers", "faiss-cpu", "numpy", "quadrille")


Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure without unit; `better` says which direction is. No goal: it is only told."""

    value: float
    goal: float | None
    better: Better


@dataclass(slots=True)
class Report:
    """One benchmark's result; `rows` are flat and carry their units in their names."""

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    ratios: dict[str, Ratio] = field(default_factory=dict)

    def write(self, path: Path | None) -> None:
        """Write JSON to `path`, or to standard output."""
        result = {
            "name": self.name,
            "machine": machine(),
            "versions": versions(),
            "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        }
        text = json.dumps({**result, **asdict(self)}, indent=2)
        if path is None:
            print(text)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")


def machine() -> dict[str, Any]:
    """Processor, cores and memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """Versions of what was measured; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
