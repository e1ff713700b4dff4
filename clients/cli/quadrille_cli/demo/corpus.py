"""What the demo reads: an almanac of places that nobody has heard of, and Quadrille's own documentation."""

from pathlib import Path

from quadrille_cli.failures import Failed

ALMANAC = Path(__file__).with_name("almanac")
_PARTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "clients/python")


def find(root: Path | None = None) -> list[Path]:
    """The documentation below `root`, or below the checkout that this package runs from, or here.

    Raises Failed when there is none.
    """
    checkout = Path(__file__).resolve().parents[4]
    for place in [root] if root else [checkout, Path.cwd()]:
        if (place / "README.md").is_file() and (parts := _present(place)):
            return parts
    raise Failed(f"no README.md in {root or Path.cwd()}: name a folder of documents with --corpus")


def _present(place: Path) -> list[Path]:
    return [place / part for part in _PARTS if (place / part).exists()]
