"""What each generation of each document is, so that a reader can tell a whole one from a half one."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from quadrille_client import Chunk, Document

DIMENSION = 16
_LARGE_EVERY = 40  # generations; such a text spans several pages of the database
_LARGE_WORDS = 3000


def chunk_count(generation: int) -> int:
    """How many chunks a generation has; most have another number than the one before."""
    return 1 + generation % 3


def word(key: str, generation: int) -> str:
    """A word that occurs in every chunk of this generation of this document, and nowhere else."""
    return f"{key}g{generation}"


def vectors(key: str, generation: int) -> NDArray[np.float32]:
    """Vectors of the chunks, (chunks, DIMENSION)."""
    seed = int.from_bytes(hashlib.blake2b(word(key, generation).encode(), digest_size=8).digest(), "little")
    shape = (chunk_count(generation), DIMENSION)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def text(key: str, generation: int) -> str:
    """The whole text."""
    filler = "lorem ipsum " * (_LARGE_WORDS if generation % _LARGE_EVERY == 0 else 4)
    return (
        "\n".join(f"{word(key, generation)} part {part}" for part in range(chunk_count(generation))) + filler
    )


def document(key: str, generation: int) -> Document:
    """The document as it is written."""
    chunks = tuple(
        Chunk(f"{word(key, generation)} part {part}", vector=vector.tolist())
        for part, vector in enumerate(vectors(key, generation))
    )
    return Document(key, text(key, generation), metadata={"generation": generation}, chunks=chunks)


def sha256(key: str, generation: int) -> str:
    """What the store says of the text."""
    return hashlib.sha256(text(key, generation).encode()).hexdigest()


def is_whole(found: Document, generation: int) -> bool:
    """Whether a document that was read with its vectors is this generation, to the bit."""
    wanted = document(found.id, generation)
    texts = [chunk.text for chunk in found.chunks] == [chunk.text for chunk in wanted.chunks]
    if not texts or found.text != wanted.text or dict(found.metadata) != dict(wanted.metadata):
        return False
    stored = np.array([chunk.vector for chunk in found.chunks], dtype=np.float32)
    return np.array_equal(stored, vectors(found.id, generation))
