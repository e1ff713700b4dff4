"""Files to ingest: folders are walked, hidden files and unknown types left out."""

from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = frozenset({".txt", ".md", ".markdown", ".html", ".htm", ".pdf"})


def walk(paths: Iterable[str | Path]) -> Iterator[tuple[str, Path]]:
    """Pairs of document id (the path below the folder that was named) and file, in a stable order.

    A file that is named itself is taken whatever its suffix. Raises FileNotFoundError, and ValueError when two
    files would have the same id, since one would replace the other.
    """
    taken: dict[str, Path] = {}
    for name, file in _named(paths):
        if taken.setdefault(name, file) != file:
            raise ValueError(f"{taken[name]} and {file} would both have the id {name}")
        yield name, file


def _named(paths: Iterable[str | Path]) -> Iterator[tuple[str, Path]]:
    for path in map(Path, paths):
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                below = file.relative_to(path)
                hidden = any(part.startswith(".") for part in below.parts)
                if file.is_file() and not hidden and file.suffix.lower() in SUFFIXES:
                    yield (Path(path.name) / below).as_posix(), file
        elif path.is_file():
            yield path.name, path
        else:
            raise FileNotFoundError(path)
