"""What an answer is worth. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quadrille_client.types.rag import Answer, AskFinished

from quadrille_cli.evaluation import matching
from quadrille_cli.evaluation.citing import citation_precision, citation_recall
from quadrille_cli.evaluation.dataset import Place, Question
from quadrille_cli.evaluation.finding import recall, touches

DEPTHS = (1, 3, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Measured:
    """One question's figures, 0 to 1; None where there is nothing to measure. Times in milliseconds, by stage."""

    id: str
    answer: str
    unanswerable: bool
    abstention: str | None
    recall: Mapping[int, float]
    exact_match: float | None
    f1: float | None
    answer_contained: float | None
    citation_precision: float | None
    citation_recall: float | None
    evidence_cited: float | None
    groundedness: float | None
    method: str
    milliseconds: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    joules: float | None


def measured(asked: Question, answer: Answer, depths: Sequence[int] = DEPTHS) -> Measured:
    """An answer against what is known of its question.

    An abstention answers nothing: where there is an answer it scores 0. What is retrieved counts as the passages that
    the model was given, in their order; its recall is told at `depths`.
    """
    passages = [
        Place(each.hit.document_id, each.hit.start_byte, each.hit.end_byte) for each in answer.passages
    ]
    cited = [Place(each.document_id, each.start_byte, each.end_byte) for each in answer.citations]
    support = answer.finished.groundedness
    says = "" if answer.abstention else matching.without_markers(answer.text)
    right, evidence = asked.answers, asked.evidence
    return Measured(
        id=asked.id,
        answer=answer.text,
        unanswerable=asked.unanswerable,
        abstention=answer.abstention,
        recall={depth: recall(passages[:depth], evidence) for depth in depths} if evidence else {},
        exact_match=matching.exact_match(says, right) if right else None,
        f1=matching.f1(says, right) if right else None,
        answer_contained=matching.contained(says, right) if right else None,
        citation_precision=citation_precision(support, answer.citations),
        citation_recall=citation_recall(support, answer.citations),
        evidence_cited=float(any(touches(each, evidence) for each in cited)) if evidence else None,
        groundedness=support.score if support.sentence_count else None,
        method=support.method,
        milliseconds=_milliseconds(answer.finished),
        prompt_tokens=answer.finished.usage.prompt_tokens,
        completion_tokens=answer.finished.usage.completion_tokens,
        joules=answer.finished.energy_joules,
    )


def _milliseconds(end: AskFinished) -> dict[str, float]:
    return {
        "rewrite": end.rewrite_ms,
        "embed": end.embed_ms,
        "search": end.search_ms,
        "rerank": end.rerank_ms,
        "pack": end.pack_ms,
        "first_token": end.first_token_ms,
        "generate": end.generate_ms,
        "support": end.support_ms,
        "total": end.total_ms,
    }
