"""Answers a question: embed, search, prompt, generate, cite, measure."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from serving.errors import InvalidInput

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain import rag
from gateway.domain.retrieval import Hit, SearchMode, SearchRequest
from gateway.domain.text import (
    ChatDocument,
    ChatMessage,
    ChatRequest,
    EmbedRequest,
    FinishReason,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    Role,
    TextCapability,
    TextModel,
    Usage,
)
from gateway.metrics import GatewayMetrics
from gateway.rag.citations import CitationParser
from gateway.rag.fields import renamed
from gateway.rag.groundedness import measure

INSTRUCTION = (
    "Answer the question from the documents. After each statement cite its document as [n]. "
    "If the documents don't say, answer: The documents don't say."
)
ABSTENTION = "The documents don't say."
DEFAULT_MAX_TOKENS = 256
# Room that a chat template may take around messages and documents, in tokens.
_TEMPLATE_TOKENS = 64
_MIN_ANSWER_TOKENS = 16
_MAX_SEARCH_BYTES = (
    4096  # of a query's words, in the store's contract; a longer question is searched by its beginning
)
_SEARCH_FIELDS = {
    "query.filter": "filter",
    "query.text": "question",
    "query.top_k": "top_k",
    "query.mode": "mode",
    "name": "collection",
}
_RERANK_FIELDS = {"query": "question", "model": "rerank.model"}


class Asker:
    """RAG over the text and retrieval ports."""

    def __init__(self, text: TextBackend, retrieval: RetrievalBackend, metrics: GatewayMetrics) -> None:
        self._text = text
        self._retrieval = retrieval
        self._metrics = metrics

    async def ask(self, request: rag.AskRequest) -> AsyncGenerator[rag.AskEvent, None]:
        """The events of an answer: retrieved, deltas and citations, finished.

        Without passages no model is asked, since all it could say would come from elsewhere: the answer is
        then `ABSTENTION`, with nothing to support it.
        """
        begun = time.monotonic()
        search, embed_ms = await self._query(request)
        searched = time.monotonic()
        with renamed(_SEARCH_FIELDS):
            hits = await self._retrieval.search(search)
        hits = await self._reranked(request, hits)
        search_ms = _ms(searched)
        passages = tuple(rag.Passage(number, hit) for number, hit in enumerate(hits, start=1))
        if not passages:
            yield rag.Retrieved((), request.request_id)
            yield rag.AnswerDelta(ABSTENTION)
            timings = rag.AskTimings(embed_ms, search_ms)
            yield rag.AskFinished(measure(ABSTENTION, []), FinishReason.STOP, Usage(), timings, "")
            return
        chat, passages = await self._fit(request, passages)
        yield rag.Retrieved(passages, request.request_id)
        parser = CitationParser(passages)
        prompted, first_token_ms, model = time.monotonic(), 0.0, ""
        async with aclosing(self._text.chat(chat)) as events:
            async for event in events:
                match event:
                    case GenerationStarted():
                        model = event.model
                    case GenerationDelta() if event.text:
                        first_token_ms = first_token_ms or _ms(prompted)
                        yield rag.AnswerDelta(event.text)
                        for citation in parser.feed(event.text):
                            yield citation
                    case GenerationFinished():
                        texts = [passage.hit.text for passage in passages]
                        groundedness = measure(parser.answer, texts, parser.invalid_count)
                        timings = rag.AskTimings(embed_ms, search_ms, first_token_ms, _ms(prompted))
                        self._metrics.observe_ask(timings, groundedness.score, time.monotonic() - begun)
                        reason = event.sequences[0].finish_reason
                        yield rag.AskFinished(groundedness, reason, event.usage, timings, model)

    async def _query(self, request: rag.AskRequest) -> tuple[SearchRequest, float]:
        search = SearchRequest(
            collection=request.collection,
            mode=request.mode,
            text=_beginning(request.question, _MAX_SEARCH_BYTES),
            top_k=request.rerank.depth if request.rerank else request.top_k,
            filter=request.filter,
            min_lsn=request.min_lsn,
        )
        if request.mode is SearchMode.LEXICAL:
            return search, 0.0
        begun = time.monotonic()
        with renamed(_SEARCH_FIELDS):
            collection = await self._retrieval.get_collection(request.collection)
        embedder = _embedder(collection.embedding_model, await self._text.list_models())
        embedded = await self._text.embed(EmbedRequest(embedder, (request.question,), truncate=True))
        search = replace(search, vector=embedded.vectors[0], embedding_model=embedded.model_stamp)
        return search, _ms(begun)

    async def _reranked(self, request: rag.AskRequest, hits: Sequence[Hit]) -> Sequence[Hit]:
        if request.rerank is None or not hits:
            return hits
        with renamed(_RERANK_FIELDS):
            judged = await self._text.rerank(
                request.rerank.model, request.question, [hit.text for hit in hits]
            )
        # Stable: ties stay as they were found.
        order = sorted(range(len(hits)), key=lambda place: -judged.scores[place])
        return [hits[place] for place in order[: request.top_k]]

    async def _fit(
        self, request: rag.AskRequest, passages: tuple[rag.Passage, ...]
    ) -> tuple[ChatRequest, tuple[rag.Passage, ...]]:
        """The prompt with as many passages, best first, as leave the answer its room in the model's context."""
        models = await self._text.list_models()
        model = _chat_model(request.model, models)
        sampling = replace(
            request.sampling,
            temperature=0.0 if request.sampling.temperature is None else request.sampling.temperature,
        )
        history = (ChatMessage(Role.SYSTEM, INSTRUCTION), *request.history)
        messages = (*history, ChatMessage(Role.USER, request.question))
        fixed = sum([await self._tokens(request.model, turn.content) + 4 for turn in messages])
        room = model.context_length - fixed - _TEMPLATE_TOKENS if model else 0
        answer_tokens = sampling.max_tokens
        if answer_tokens is None:
            answer_tokens = min(DEFAULT_MAX_TOKENS, max(_MIN_ANSWER_TOKENS, room // 3))
        elif model and answer_tokens >= model.context_length - _TEMPLATE_TOKENS:
            raise InvalidInput(
                "sampling.max_tokens", f"fills the model's context of {model.context_length} tokens"
            )
        room -= answer_tokens
        kept: list[rag.Passage] = []
        for passage in passages if model else ():
            room -= await self._tokens(request.model, f"{passage.hit.title}\n{passage.hit.text}") + 8
            if room < 0:
                break
            kept.append(passage)
        if model is None:  # it may have been loaded since: the text service judges
            kept = list(passages)
        if not kept:
            raise InvalidInput("question", "leaves no room for a passage in the model's context")
        chat = ChatRequest(
            model=request.model,
            messages=messages,
            sampling=replace(sampling, max_tokens=answer_tokens),
            documents=tuple(ChatDocument(passage.hit.title, passage.hit.text) for passage in kept),
            request_id=request.request_id,
        )
        return chat, tuple(kept)

    async def _tokens(self, model: str, text: str) -> int:
        return len(await self._text.token_ends(model, text)) if text else 0


def _embedder(stamp: str, models: Sequence[TextModel]) -> str:
    """The loaded model that made a collection's vectors; "" (the default) when its stamp names none of them."""
    return next((model.id for model in models if stamp and model.stamp == stamp), "")


def _chat_model(name: str, models: Sequence[TextModel]) -> TextModel | None:
    if name:
        return next((model for model in models if model.id == name), None)
    return next((model for model in models if TextCapability.CHAT in model.capabilities), None)


def _beginning(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


def _ms(since: float) -> float:
    return (time.monotonic() - since) * 1000
