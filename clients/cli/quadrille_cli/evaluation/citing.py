"""How well an answer cites: precision and recall of citations. Pure.

Source: Gao et al., "Enabling Large Language Models to Generate Text with Citations" (ALCE), EMNLP 2023. There a model
of entailment judges a statement against all that it cites, joined, and a citation is right if the statement is
supported and not without it as well. Here the gateway judges, by the method that its groundedness names: it takes the
best passage, never several together, so a statement is supported if one of its citations supports it, and a citation
is right if it does so by itself.
"""

from collections.abc import Sequence
from statistics import fmean

from quadrille_client.types.rag import Citation, Groundedness


def citation_recall(support: Groundedness, citations: Sequence[Citation]) -> float | None:
    """The part of an answer's sentences that a citation of theirs supports; None for one that says nothing."""
    right = {each.sentence_number for each in citations if each.supported}
    if not support.sentences:
        return None
    return fmean(sentence.number in right for sentence in support.sentences)


def citation_precision(support: Groundedness, citations: Sequence[Citation]) -> float | None:
    """The part of the citations that support what they stand behind, 0 without any; None for one that says nothing.

    One that names no passage is wrong.
    """
    if not support.sentences:
        return None
    count = len(citations) + support.invalid_citation_count
    return sum(each.supported for each in citations) / count if count else 0.0
