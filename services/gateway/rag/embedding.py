"""What an ingest asks of the embedding model: vectors of chunks, and where its tokens end."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.errors import NotConfigured, NotFound

from gateway.backends import TextBackend
from gateway.domain.retrieval import Vector
from gateway.domain.text import EmbedRequest, TextCapability, TextModel
from gateway.rag.measures import Measure, Tokens

EMBED_BATCH = 64
TOKENIZED_CHARACTERS = 256 * 1024  # at once, so that no answer is too long for a message


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that can embed, on the text port."""

    text: TextBackend
    model: TextModel

    async def embed(self, texts: Sequence[str], known: Mapping[str, Vector]) -> tuple[Vector, ...]:
        """A vector a text; those that are `known`, by their text, are not computed again."""
        vectors = dict(known)
        missing = [text for text in dict.fromkeys(texts) if text not in vectors]
        for first in range(0, len(missing), EMBED_BATCH):
            inputs = tuple(missing[first : first + EMBED_BATCH])
            answer = await self.text.embed(EmbedRequest(self.model.id, inputs, truncate=True))
            vectors.update(zip(inputs, answer.vectors, strict=True))
        return tuple(vectors[text] for text in texts)

    async def measure(self, text: str) -> Measure:
        """The model's tokens as a measure of chunks."""
        ends: list[int] = []
        first = first_byte = 0
        while first < len(text):
            last = _piece_end(text, first)
            piece = text[first:last]
            ends += [first_byte + end for end in await self.text.token_ends(self.model.id, piece)]
            first, first_byte = last, first_byte + len(piece.encode())
        return await asyncio.to_thread(Tokens, text, ends)


async def find_embedder(text: TextBackend, name: str) -> Embedder:
    """The model of this name, or the default one for ""; raises NotFound and NotConfigured."""
    for model in await text.list_models():
        if model.id == name or (not name and TextCapability.EMBED in model.capabilities):
            return Embedder(text, model)
    if name:
        raise NotFound("model", name)
    raise NotConfigured("no loaded model can embed", "add one to QUADRILLE_TEXTGEN_MODELS, e.g. minilm")


def embedder_of(stamp: str, models: Sequence[TextModel]) -> str:
    """The loaded model that made a collection's vectors; "" (the default) when its stamp names none of them."""
    return next((model.id for model in models if stamp and model.stamp == stamp), "")


def _piece_end(text: str, first: int) -> int:
    """Where a piece ends that begins at `first`: after white space, where there is some."""
    last = first + TOKENIZED_CHARACTERS
    if last >= len(text):
        return len(text)
    return max(text.rfind(" ", first, last), text.rfind("\n", first, last)) + 1 or last
