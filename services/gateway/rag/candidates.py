"""Chunks that were found, and which of them an answer may rest on. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from gateway.domain.answer import Omission, OmittedPassage, Passage, Span, Suspicion
from gateway.domain.ask import AskRequest, InjectionDefence
from gateway.domain.retrieval import Hit
from gateway.rag.injection import Instruction, find_instructions


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk, and what in its text and title reads like an instruction."""

    collection: str
    hit: Hit
    rerank_score: float | None = None
    in_text: tuple[Instruction, ...] = ()
    in_title: tuple[Instruction, ...] = ()

    @property
    def relevance(self) -> float | None:
        """What `min_relevance` is compared with; None for a chunk that was found by words alone."""
        return self.hit.dense_score if self.rerank_score is None else self.rerank_score

    @property
    def suspicions(self) -> tuple[Suspicion, ...]:
        """What reads like an instruction, in the document's bytes."""
        start = self.hit.start_byte
        titled = (Suspicion(each.kind, (start, start)) for each in self.in_title)
        within = (
            Suspicion(each.kind, document_span(self.hit, each.start, each.end)) for each in self.in_text
        )
        return (*titled, *within)

    def passage(self, number: int) -> Passage:
        """As it is cited."""
        return Passage(number, self.hit, self.collection, self.rerank_score, self.suspicions)

    def omitted(self, reason: Omission) -> OmittedPassage:
        """As it is not given to the model."""
        return OmittedPassage(self.hit, self.collection, reason, self.suspicions)


def document_span(hit: Hit, start: int, end: int) -> Span:
    """Bytes in the document of characters in a chunk's text; the whole chunk where its text isn't the document's."""
    if hit.end_byte - hit.start_byte != len(hit.text.encode()):
        return hit.start_byte, hit.end_byte
    before = hit.start_byte + len(hit.text[:start].encode())
    return before, before + len(hit.text[start:end].encode())


def in_turns(collections: Sequence[str], hits: Iterable[Sequence[Hit]]) -> list[Candidate]:
    """Hits of several collections, each best first, by turns: all first ones, all second ones, …

    Scores of different collections don't compare; ranks do. It is what reciprocal rank fusion makes of rankings that
    have nothing in common (Cormack et al., 2009).
    """
    found = ([Candidate(name, hit) for hit in theirs] for name, theirs in zip(collections, hits, strict=True))
    return [candidate for candidate in chain.from_iterable(zip_longest(*found)) if candidate is not None]


def screened(candidate: Candidate) -> Candidate:
    """The candidate with what in it reads like an instruction."""
    hit = candidate.hit
    return Candidate(
        candidate.collection,
        hit,
        candidate.rerank_score,
        find_instructions(hit.text),
        find_instructions(hit.title),
    )


def chosen(
    candidates: Iterable[Candidate], request: AskRequest
) -> tuple[list[Candidate], list[OmittedPassage]]:
    """The top_k that may be given to the model, and those passed over for them, both best first."""
    kept: list[Candidate] = []
    omitted: list[OmittedPassage] = []
    texts: set[str] = set()
    for candidate in candidates:
        if len(kept) == request.top_k:
            break
        if request.defence is not InjectionDefence.OFF:
            candidate = screened(candidate)
        reason = _reason(candidate, request, texts)
        if reason is None:
            texts.add(candidate.hit.text)
            kept.append(candidate)
        else:
            omitted.append(candidate.omitted(reason))
    return kept, omitted


def _reason(candidate: Candidate, request: AskRequest, texts: set[str]) -> Omission | None:
    least = request.min_relevance
    if least is not None and (candidate.relevance is None or candidate.relevance < least):
        return Omission.IRRELEVANT
    if candidate.hit.text in texts:
        return Omission.DUPLICATE
    if request.defence is InjectionDefence.OMIT and (candidate.in_text or candidate.in_title):
        return Omission.SUSPICIOUS
    return None
