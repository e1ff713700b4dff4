"""How well passages support an answer, by shared words.

A sentence counts as supported when at least 60 % of its distinct words occur in one of the passages. That is lexical
containment: cheap, language-independent and blind to negation and paraphrase. It warns of answers that come from
elsewhere; it proves nothing.
"""

import re
from collections.abc import Sequence

from gateway.domain.rag import Groundedness
from gateway.rag.citations import without_markers
from gateway.rag.sentences import sentences

THRESHOLD = 0.6
METHOD = f"lexical containment >= {THRESHOLD}"
_WORD = re.compile(r"\w+")


def measure(answer: str, passages: Sequence[str], invalid_citation_count: int = 0) -> Groundedness:
    """Support of an answer by the passages' texts; sentences without words are not counted."""
    evidence = [words(passage) for passage in passages]
    claims = [found for found in map(words, sentences(without_markers(answer))) if found]
    supported = sum(any(_contained(claim, known) >= THRESHOLD for known in evidence) for claim in claims)
    score = supported / len(claims) if claims else 0.0
    return Groundedness(score, len(claims), supported, invalid_citation_count, METHOD)


def words(text: str) -> frozenset[str]:
    """The distinct words of a text, without regard to case."""
    return frozenset(_WORD.findall(text.casefold()))


def _contained(claim: frozenset[str], known: frozenset[str]) -> float:
    return len(claim & known) / len(claim)
