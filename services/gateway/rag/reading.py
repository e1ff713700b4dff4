"""Turns a model's answer into events: text, citations, sentences with what they rest on."""

from collections.abc import AsyncIterator, Sequence

from gateway.domain.answer import (
    Abstention,
    AnswerDelta,
    Citation,
    Groundedness,
    Passage,
    SentenceSupport,
    Span,
)
from gateway.rag.citations import CitationParser, Mention, without_markers
from gateway.rag.claims import ABSTENTION, Claim, ClaimReader, says_something
from gateway.rag.support import NONE, Judge

Event = AnswerDelta | Citation | SentenceSupport


class AnswerReader:
    """Reads the text that is sent, delta by delta."""

    def __init__(self, passages: Sequence[Passage], judge: Judge) -> None:
        self._passages = passages
        self._judge = judge
        self._parser = CitationParser(passages)
        self._claims = ClaimReader()
        self._cited: dict[int, list[int]] = {}  # numbers of passages, by number of the sentence
        self._sentences: list[SentenceSupport] = []
        self._abstained = False

    async def read(self, text: str) -> AsyncIterator[Event]:
        """The events of more text, if there is more."""
        if not text:
            return
        yield AnswerDelta(text)
        mentions = self._parser.feed(text)
        claims = self._claims.read(self._parser.answer, self._parser.scanned)
        async for event in self._events(mentions, claims):
            yield event

    async def close(self) -> AsyncIterator[Event]:
        """The events of the text's end."""
        async for event in self._events((), self._claims.close(self._parser.answer)):
            yield event

    def groundedness(self, withheld_count: int = 0) -> Groundedness:
        """The measure of what was read."""
        return Groundedness(
            self._judge.method, tuple(self._sentences), withheld_count, self._parser.invalid_count
        )

    def abstention(self, withheld_count: int = 0) -> Abstention | None:
        """Why what was read is no answer; None when it is one, if not a good one."""
        if any(sentence.supported for sentence in self._sentences):
            return None
        said_nothing = not self._sentences and not withheld_count
        return Abstention.MODEL if self._abstained and said_nothing else Abstention.UNSUPPORTED

    async def _events(
        self, mentions: Sequence[Mention], claims: Sequence[Claim]
    ) -> AsyncIterator[Citation | SentenceSupport]:
        waiting = list(mentions)
        for claim in claims:
            while waiting and waiting[0].place < claim.until:
                yield await self._citation(waiting.pop(0), claims)
            if claim.says_something:
                yield await self._sentence(claim)
            self._abstained = self._abstained or claim.abstains
        for mention in waiting:
            yield await self._citation(mention, claims)

    async def _citation(self, mention: Mention, claims: Sequence[Claim]) -> Citation:
        number = self._claims.number_at(self._parser.answer, mention.place, claims)
        self._cited.setdefault(number, []).append(mention.passage.number)
        start, end = mention.statement
        said = without_markers(self._parser.answer.encode()[start:end].decode())
        support = NONE
        if says_something(said):
            support = await self._judge.judge_by(said, mention.passage.number - 1)
        return Citation(
            mention.passage,
            mention.statement,
            number,
            support.score,
            self._judge.enough(support),
            support.evidence,
        )

    async def _sentence(self, claim: Claim) -> SentenceSupport:
        supports = await self._judge.judge(claim.text)
        cited = tuple(dict.fromkeys(self._cited.pop(claim.number, ())))
        # Of equally good passages, one that is cited; then the first.
        best = max(
            range(len(supports)), key=lambda place: (supports[place].score, place + 1 in cited, -place)
        )
        support = supports[best]
        supported = self._judge.enough(support)
        repeats = not supported and self._judge.repeats_instruction(claim.text)
        sentence = SentenceSupport(
            claim.number,
            self._bytes(claim),
            support.score,
            supported,
            self._passages[best].number if support.score else 0,
            support.evidence,
            cited,
            repeats,
        )
        self._sentences.append(sentence)
        return sentence

    def _bytes(self, claim: Claim) -> Span:
        before = len(self._parser.answer[: claim.start].encode())
        return before, before + len(self._parser.answer[claim.start : claim.end].encode())


class Withholder:
    """Lets sentences through that a passage supports, each with the markers and the white space after it."""

    def __init__(self, passages: Sequence[Passage], judge: Judge) -> None:
        self._judge = judge
        self._parser = CitationParser(passages)
        self._claims = ClaimReader()
        self._begin = 0
        self._kept_back = ""  # text that says nothing, until a sentence that does
        self._passed = False
        self.withheld_count = 0

    async def read(self, text: str) -> str:
        """What of the answer may be sent, now that there is more of it."""
        self._parser.feed(text)
        return await self._sendable(self._claims.read(self._parser.answer, self._parser.scanned))

    async def close(self) -> str:
        """What may be sent of the rest; an abstention when there was nothing."""
        rest = await self._sendable(self._claims.close(self._parser.answer))
        return rest if rest or self._passed else ABSTENTION

    async def _sendable(self, claims: Sequence[Claim]) -> str:
        sendable = ""
        for claim in claims:
            text = self._kept_back + self._parser.answer[self._begin : claim.until]
            self._begin, self._kept_back = claim.until, ""
            if claim.abstains or (claim.says_something and await self._supported(claim.text)):
                self._passed = True
                sendable += text
            elif claim.says_something:
                self.withheld_count += 1
            else:
                self._kept_back = text
        return sendable

    async def _supported(self, text: str) -> bool:
        return any(map(self._judge.enough, await self._judge.judge(text)))
