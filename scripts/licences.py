"""Fail when a dependency's licence is not one that the project may ship beside its own (Apache-2.0)."""

import json
import re
import subprocess
import sys

ALLOWED = re.compile(
    r"apache|mit\b|bsd|isc|psf|python software|mpl|mozilla|unlicense|zlib|hpnd|cmu|0bsd|public domain|cnri",
    re.IGNORECASE,
)
REFUSED = re.compile(r"\bA?GPL|\bLGPL|SSPL|BUSL|non-?commercial|proprietary", re.IGNORECASE)
# Licence told by the project's own page where the package's metadata is silent.
KNOWN: dict[str, str] = {}
OWN = {"quadrille", "quadrille-protos", "quadrille-client"}


def main() -> None:
    """Print what is wrong and exit 1, or print how many were checked."""
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    wrong = []
    for package in packages:
        licence = KNOWN.get(package["Name"], package["License"])
        alternatives = re.split(r"\s+OR\s+|;", licence)
        fine = any(ALLOWED.search(part) and not REFUSED.search(part) for part in alternatives)
        if package["Name"] not in OWN and not fine:
            wrong.append(f"{package['Name']} {package['Version']}: {licence[:80]}")
    if wrong:
        sys.exit("licences that are not on the list:\n" + "\n".join(wrong))
    print(f"licences of {len(packages)} packages are fine")


if __name__ == "__main__":
    main()
