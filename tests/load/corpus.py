"""What the users ask and write, and the two collections that a run makes and removes."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quadrille_client import Chunk, Client, Document, QuadrilleError

README = Path(__file__).resolve().parents[2] / "README.md"
TEXTS = (
    "Cats sleep for most of the day.",
    "Iron rusts when water and air reach it.",
    "The moon pulls the sea and makes the tides.",
    "A service drains before it stops.",
    "Vectors are compared by the angle between them.",
    "A deadline travels with the call.",
    "Bread rises because yeast makes gas.",
    "The index is derived from the database.",
)
QUESTIONS = (
    "Which port does the gateway listen on?",
    "What does make demo do?",
    "Where is the code explained?",
)
PROMPTS = ("a red circle", "a small blue square", "a green triangle", "a yellow circle on a white background")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Collections to search, to write and to ask of; `vectors` belong to TEXTS."""

    vectors: tuple[tuple[float, ...], ...]
    stamp: str
    searched: str
    asked: str

    def document(self, id: str, number: int) -> Document:
        """A document of one chunk."""
        text, vector = TEXTS[number % len(TEXTS)], self.vectors[number % len(TEXTS)]
        return Document(id, text, metadata={}, chunks=[Chunk(text, 0, len(text), vector)])


@contextlib.contextmanager
def prepared(client: Client) -> Iterator[Corpus]:
    """Make the collections under names of this run's own; remove them at the end."""
    embedded = client.embed(TEXTS)
    run = uuid.uuid4().hex[:8]
    corpus = Corpus(embedded.vectors, embedded.model_stamp, f"load-{run}-searched", f"load-{run}-asked")
    client.collections.create(corpus.searched, len(corpus.vectors[0]), embedding_model=corpus.stamp)
    try:
        documents = [corpus.document(f"seed-{number}", number) for number in range(64)]
        client.documents.upsert(corpus.searched, documents, embedding_model=corpus.stamp)
        for _ in client.ingest(corpus.asked, [README]):
            pass
        yield corpus
    finally:
        for name in (corpus.searched, corpus.asked):
            with contextlib.suppress(
                QuadrilleError
            ):  # a stack that is gone must not take the results with it
                client.collections.delete(name)
