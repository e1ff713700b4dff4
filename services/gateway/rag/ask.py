"""Answers a question: rewrite, retrieve, pack, generate, cite, judge."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.backends import RetrievalBackend, TextBackend
from gateway.domain.answer import (
    Abstention,
    AnswerDelta,
    AskEvent,
    AskFinished,
    Groundedness,
    Retrieved,
)
from gateway.domain.ask import AskRequest
from gateway.domain.text import FinishReason, GenerationDelta, GenerationFinished, GenerationStarted, Usage
from gateway.metrics import GatewayMetrics
from gateway.rag.candidates import chosen
from gateway.rag.claims import ABSTENTION
from gateway.rag.packing import Packer, Prompt
from gateway.rag.reading import AnswerReader, Withholder
from gateway.rag.retrieving import Retriever
from gateway.rag.rewriting import Rewriter
from gateway.rag.scorers import make_scorer
from gateway.rag.spending import Spending
from gateway.rag.support import Judge


class Asker:
    """RAG over the text and retrieval ports."""

    def __init__(self, text: TextBackend, retrieval: RetrievalBackend, metrics: GatewayMetrics) -> None:
        self._text = text
        self._rewriter = Rewriter(text)
        self._retriever = Retriever(text, retrieval)
        self._packer = Packer(text)
        self._metrics = metrics

    async def ask(self, request: AskRequest) -> AsyncGenerator[AskEvent, None]:
        """The events of an answer: rewritten, retrieved, deltas with citations and sentences, finished.

        Without passages no model is asked, since all it could say would come from elsewhere: the answer is
        then `ABSTENTION`, with nothing to support it.
        """
        spending = Spending()
        scorer = make_scorer(request.support, self._text, await self._text.list_models(), spending)
        rewritten = await self._rewriter.rewrite(request, spending)
        if rewritten is not None:
            yield rewritten
        query = rewritten.query if rewritten else request.question
        found = await self._retriever.find(request, query, spending)
        candidates, omitted = await asyncio.to_thread(chosen, found, request)
        if not candidates:
            yield Retrieved((), request.request_id, tuple(omitted))
            yield AnswerDelta(ABSTENTION)
            abstention = Abstention.NOTHING_USABLE if omitted else Abstention.NOTHING_FOUND
            yield self._finished(spending, Groundedness(scorer.method), abstention=abstention)
            return
        with spending.timed("pack"):
            prompt = await self._packer.pack(request, candidates)
        passages = tuple(each.passage(number) for number, each in enumerate(prompt.given, start=1))
        yield Retrieved(
            passages, request.request_id, (*omitted, *prompt.omitted), prompt.history_message_count
        )
        judge = Judge(scorer, prompt.given, spending)
        withholder = Withholder(passages, judge) if request.supported_only else None
        async with aclosing(
            self._answer(prompt, AnswerReader(passages, judge), withholder, spending)
        ) as events:
            async for event in events:
                yield event

    async def _answer(
        self, prompt: Prompt, reader: AnswerReader, withholder: Withholder | None, spending: Spending
    ) -> AsyncGenerator[AskEvent, None]:
        model, finished = "", None
        with spending.timed("generate"):
            async with aclosing(self._text.chat(prompt.chat)) as events:
                async for event in events:
                    match event:
                        case GenerationStarted():
                            model = event.model
                        case GenerationDelta() if event.text:
                            spending.mark("first_token", since="generate")
                            text = await withholder.read(event.text) if withholder else event.text
                            async for told in reader.read(text):
                                yield told
                        case GenerationFinished():
                            finished = event
            if withholder:
                async for told in reader.read(await withholder.close()):
                    yield told
            async for told in reader.close():
                yield told
        if finished is None:
            return
        spending.add_joules(finished.energy_joules)
        withheld = withholder.withheld_count if withholder else 0
        yield self._finished(
            spending,
            reader.groundedness(withheld),
            finished.sequences[0].finish_reason,
            finished.usage,
            model,
            reader.abstention(withheld),
        )

    def _finished(
        self,
        spending: Spending,
        groundedness: Groundedness,
        reason: FinishReason = FinishReason.STOP,
        usage: Usage | None = None,
        model: str = "",
        abstention: Abstention | None = None,
    ) -> AskFinished:
        timings = spending.timings()
        self._metrics.observe_ask(timings, groundedness, abstention)
        return AskFinished(groundedness, reason, usage or Usage(), timings, model, abstention)
