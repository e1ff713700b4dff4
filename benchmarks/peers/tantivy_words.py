"""Tantivy: an index on disk, with its English stemmer; its parser takes a question for any of its words."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import tantivy

from benchmarks.peers.words import K, main


class Words:
    """One segment in the end, and one thread that writes, as ours."""

    def __init__(self, folder: Path) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("number", stored=True)
        builder.add_text_field("text", tokenizer_name="en_stem")
        self._index = tantivy.Index(builder.build(), path=str(folder))
        self._writer = self._index.writer(256_000_000, 1)

    def add(self, start: int, texts: Sequence[str]) -> None:
        """Add texts."""
        for number, text in enumerate(texts, start):
            self._writer.add_document(tantivy.Document(number=number, text=text))

    def finish(self) -> None:
        """Commit, and wait for what is merged."""
        self._writer.commit()
        self._writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, question: str) -> Sequence[int]:
        """Search."""
        query, _ = self._index.parse_query_lenient(question, ["text"])
        hits = self._searcher.search(query, K).hits
        return [self._searcher.doc(address)["number"][0] for _, address in hits]


if __name__ == "__main__":
    main(f"tantivy {version('tantivy')}", Words)
