"""The text port, with vectors that are remembered."""

from array import array
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from gateway.backends import TextBackend
from gateway.domain.text import (
    ChatRequest,
    EmbedRequest,
    EmbedResult,
    GenerateRequest,
    GenerationEvent,
    RerankResult,
    TextCapability,
    TextModel,
)
from gateway.embeddings.cache import Made
from gateway.embeddings.lookup import Answered, Asked, Lookup


class RememberingText:
    """TextBackend over another."""

    def __init__(self, inner: TextBackend, lookup: Lookup) -> None:
        self._inner = inner
        self._lookup = lookup

    async def list_models(self) -> Sequence[TextModel]:
        """All models that can be reached."""
        return await self._inner.list_models()

    def chat(self, request: ChatRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Answer a conversation."""
        return self._inner.chat(request)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Continue a prompt."""
        return self._inner.generate(request)

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """One unit vector a text; the joules of those that are made now."""
        energy: float | None = 0.0
        told = 0

        async def embed(inputs: Sequence[str]) -> Answered:
            nonlocal energy, told
            result = await self._inner.embed(replace(request, inputs=tuple(inputs)))
            energy, told = result.energy_joules, result.prompt_token_count
            counts = result.token_counts or (0,) * len(result.vectors)
            made = tuple(
                Made(array("f", vector).tobytes(), count)
                for vector, count in zip(result.vectors, counts, strict=True)
            )
            return Answered(made, result.model, result.model_stamp)

        asked = Asked(request.model, request.inputs, True, request.dimensions, request.truncate)
        answered = await self._lookup.answer(asked, embed)
        return EmbedResult(
            tuple(tuple(array("f", item.values)) for item in answered.made),
            answered.model,
            answered.stamp,
            answered.token_count or told,
            energy,
            tuple(item.token_count for item in answered.made),
        )

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> RerankResult:
        """Relevance of each document."""
        return await self._inner.rerank(model, query, documents)

    async def token_ends(self, model: str, text: str) -> Sequence[int]:
        """The byte after each token."""
        return await self._inner.token_ends(model, text)


async def stamps_of(text: TextBackend) -> Mapping[str, tuple[str, str]]:
    """Id and stamp of the models that embed, by id, and of the default by ""."""
    models = [model for model in await text.list_models() if TextCapability.EMBED in model.capabilities]
    named = {model.id: (model.id, model.stamp) for model in models}
    return {"": named[models[0].id], **named} if models else {}
