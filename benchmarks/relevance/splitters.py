"""Ways to cut a text: ours, and what cuts wherever a size is reached."""

from collections.abc import Callable, Mapping
from itertools import accumulate

from gateway.domain.retrieval import Chunk
from gateway.rag.chunker import chunk_text

SIZES = ((800, 100), (800, 0), (400, 0))  # characters, and how many neighbours share


def fixed(text: str, size: int, overlap: int) -> list[Chunk]:
    """Chunks of exactly `size` characters, the last of what is left."""
    starts = range(0, max(1, len(text) - overlap), size - overlap)
    ends = list(accumulate((len(char.encode()) for char in text), initial=0))
    spans = [(start, min(start + size, len(text))) for start in starts]
    return [Chunk(text[start:end], ends[start], ends[end]) for start, end in spans]


SPLITTERS: Mapping[str, Callable[[str, int, int], list[Chunk]]] = {"ours": chunk_text, "fixed": fixed}
