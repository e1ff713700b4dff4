"""Write constraints.txt: the exact versions of all that the dev extra needs, as installed here."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

OWN = {"quadrille", "quadrille-protos", "quadrille-client"}
BUILD = ["hatchling", "editables"]
HEADER = """\
# Exact versions of everything `make setup` installs; written by scripts/constraints.py.
# torch is a plain version, so that a CPU or CUDA build of it may be chosen by where pip looks.
"""


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(dist: Distribution, extras: set[str]) -> list[Requirement]:
    """What a distribution needs here, with these extras."""
    found = []
    for line in dist.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            found.append(requirement)
    return found


def closure() -> dict[str, str]:
    """Name to version of all that is reachable from the dev extra."""
    todo: list[tuple[str, frozenset[str]]] = [
        ("quadrille", frozenset({"dev"})),
        *((name, frozenset()) for name in BUILD),
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    pins: dict[str, str] = {}
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        dist = distribution(name)
        if name not in OWN:
            pins[name] = dist.version.partition("+")[0]
        needed = requirements(dist, set(extras))
        todo.extend((canonical(item.name), frozenset(item.extras)) for item in needed)
    return pins


def main() -> None:
    """Write the file at the root of the repository."""
    lines = [f"{name}=={version}" for name, version in sorted(closure().items())]
    path = Path(__file__).resolve().parent.parent / "constraints.txt"
    path.write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
