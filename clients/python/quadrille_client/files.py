"""Files to ingest: folders are walked, hidden files and unknown types left out."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = frozenset(
    {".txt", ".md", ".markdown", ".html", ".htm", ".pdf", ".jsonl", ".ndjson", ".csv", ".tsv"}
)


def walk(paths: Iterable[str | Path]) -> Iterator[tuple[str, Path]]:
    """Pairs of document id (the path from the folder that was named on) and file, in a stable order.

    A file that is named itself is taken whatever its suffix. Raises FileNotFoundError, OSError for a folder that
    cannot be read, and ValueError when two files would have the same id, since one would replace the other.
    """
    taken: dict[str, Path] = {}
    for name, file in _named(paths):
        if taken.setdefault(name, file) != file:
            raise ValueError(f"{taken[name]} and {file} would both have the id {name}")
        yield name, file


def folder_names(folders: Iterable[str | Path]) -> tuple[str, ...]:
    """How the ids of these folders' files begin. NotADirectoryError for a file, ValueError when two are alike."""
    taken: dict[str, Path] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is no folder: only folders can be synchronized")
        name = folder.resolve().name
        if not name or name in taken:
            raise ValueError(
                f"{folder} needs a name of its own: it would be taken for {taken.get(name, '/')}"
            )
        taken[name] = folder
    return tuple(taken)


def _named(paths: Iterable[str | Path]) -> Iterator[tuple[str, Path]]:
    for path in map(Path, paths):
        if path.is_dir():
            for file in sorted(_below(path)):
                yield (Path(path.resolve().name) / file.relative_to(path)).as_posix(), file
        elif path.is_file():
            yield path.name, path
        else:
            raise FileNotFoundError(path)


def _below(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(folder) / name
            if not name.startswith(".") and file.suffix.lower() in SUFFIXES and file.is_file():
                yield file


def _fail(error: OSError) -> None:
    raise error  # the files of a folder that cannot be read are not gone
