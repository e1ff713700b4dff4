"""Small working ports and values for tests of answers."""

import re

from gateway.domain.retrieval import Collection, Hit
from gateway.domain.text import (
    EmbedResult,
    FinishReason,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    RerankResult,
    SequenceResult,
    TextCapability,
    TextModel,
    Usage,
)
from gateway.rag.candidates import Candidate

MODELS = (
    TextModel("chat", frozenset({TextCapability.CHAT}), 400, None, "chat@1"),
    TextModel("embed", frozenset({TextCapability.EMBED}), 64, 2, "embed@1"),
    TextModel("other", frozenset({TextCapability.EMBED, TextCapability.RERANK}), 64, 2, "other@1"),
)


def hit(text, document="d", start=0, **more):
    size = len(text.encode())
    return Hit(f"{document}#0", document, 0, text, "", "", start, start + size, 1.0, **more)


def candidate(text, document="d", **more):
    return Candidate("c", hit(text, document, **more))


class Text:
    """Says what it is told to; a word is a token, and a text's vector says whether it speaks of whales."""

    def __init__(self, answers=(), models=MODELS):
        self.answers = list(answers)
        self.models = models
        self.chats, self.embeds, self.reranks = [], [], []
        self.joules = 1.0

    async def list_models(self):
        return self.models

    async def chat(self, request):
        self.chats.append(request)
        yield GenerationStarted(request.request_id, "chat", 3, 0)
        for piece in re.findall(r"\S+\s*", self.answers.pop(0)):
            yield GenerationDelta(0, piece)
        sequences = (SequenceResult(0, FinishReason.STOP),)
        yield GenerationFinished(sequences, Usage(3, 4), self.joules)

    async def embed(self, request):
        self.embeds.append(request)
        vectors = tuple((1.0, 0.0) if "whale" in text.lower() else (0.0, 1.0) for text in request.inputs)
        return EmbedResult(vectors, request.model, f"{request.model}@1", 1, self.joules)

    async def rerank(self, model, query, documents):
        self.reranks.append((model, query, documents))
        return RerankResult(tuple(float(len(text)) for text in documents), model, 1, self.joules)

    async def token_ends(self, model, text):
        return [match.end() for match in re.finditer(r"\S+", text)]


class Retrieval:
    """Collections of hits, which any search finds in their order; names say which model embedded them."""

    def __init__(self, **collections):
        self.collections = collections
        self.searches = []

    async def get_collection(self, name):
        return Collection(name, 2, "other@1" if "other" in name else "embed@1")

    async def search(self, request):
        self.searches.append(request)
        return self.collections[request.collection][: request.top_k]
