"""The text port, behind the gate."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from gateway.admission.cost import text_cost, tokens_of
from gateway.admission.gate import Gate
from gateway.admission.meter import TextMeter
from gateway.admission.pools import ENCODE, GENERATE
from gateway.backends import TextBackend
from gateway.domain.text import (
    ChatRequest,
    EmbedRequest,
    EmbedResult,
    GenerateRequest,
    GenerationDelta,
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    RerankResult,
    Sampling,
    TextModel,
)


class AdmittedText:
    """TextBackend over another: what uses a model waits for its turn, and its tokens are counted."""

    def __init__(self, inner: TextBackend, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    async def list_models(self) -> Sequence[TextModel]:
        """All models that can be reached."""
        return await self._inner.list_models()

    def chat(self, request: ChatRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Answer a conversation."""
        texts = [message.content for message in request.messages]
        read = _tokens([*texts, *(document.text for document in request.documents)])
        return self._metered(self._inner.chat(request), read, request.sampling, request.priority)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Continue a prompt."""
        read = _tokens([request.prompt]) if isinstance(request.prompt, str) else len(request.prompt)
        return self._metered(self._inner.generate(request), read, request.sampling, request.priority)

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """One unit vector a text."""
        async with self._gate.admitted(ENCODE, text_cost(_tokens(request.inputs))) as ticket:
            result = await self._inner.embed(request)
            ticket.used(text_cost(result.prompt_token_count))
            return result

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> RerankResult:
        """Relevance of each document."""
        expected = text_cost(_tokens(documents) + len(documents) * _tokens([query]))
        async with self._gate.admitted(ENCODE, expected) as ticket:
            result = await self._inner.rerank(model, query, documents)
            ticket.used(text_cost(result.prompt_token_count))
            return result

    async def token_ends(self, model: str, text: str) -> Sequence[int]:
        """The byte after each token."""
        return await self._inner.token_ends(model, text)

    async def _metered(
        self,
        events: AsyncGenerator[GenerationEvent, None],
        read: int,
        sampling: Sampling,
        priority: int | None,
    ) -> AsyncGenerator[GenerationEvent, None]:
        lengths = self._gate.output(GENERATE)
        at_most = None if sampling.max_tokens is None else sampling.max_tokens * (sampling.n or 1)
        expected = text_cost(read, lengths.expect(at_most))
        async with self._gate.admitted(GENERATE, expected, priority) as ticket, aclosing(events):
            meter = TextMeter(ticket, lengths)
            async for event in events:
                match event:
                    case GenerationStarted():
                        meter.started(event.prompt_token_count)
                    case GenerationDelta():
                        meter.more(len(event.token_ids))
                    case GenerationFinished(usage=usage):
                        meter.finished(usage.prompt_token_count, usage.completion_token_count)
                yield event


def _tokens(texts: Sequence[str]) -> int:
    return tokens_of(sum(len(text.encode(errors="surrogatepass")) for text in texts))
