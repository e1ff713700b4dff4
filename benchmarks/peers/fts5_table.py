"""SQLite's FTS5, asked as one would: for any of the words, the best by its BM25. It scores all that has one."""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.words import K, main


class Table:
    """A file, as ours is one; what the operating system keeps of it is in memory."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "words.sqlite3")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2')"
        )

    def add(self, start: int, texts: Sequence[str]) -> None:
        """Add texts."""
        with self._connection:
            self._connection.executemany(
                "INSERT INTO words (rowid, text) VALUES (?, ?)", list(enumerate(texts, start))
            )

    def finish(self) -> None:
        """Merge what was written."""
        with self._connection:
            self._connection.execute("INSERT INTO words (words) VALUES ('optimize')")

    def search(self, question: str) -> Sequence[int]:
        """Search."""
        words = dict.fromkeys(re.findall(r"\w+", question.lower().replace("_", " ")))
        found = self._connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank, rowid LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), K),
        )
        return [number for (number,) in found]


if __name__ == "__main__":
    main(f"SQLite {sqlite3.sqlite_version}", Table)
