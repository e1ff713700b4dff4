"""Events of an answer, for the wire."""

import dataclasses

from quadrille.gateway.v1 import injection_pb2, rag_pb2, rewriting_pb2, support_pb2
from quadrille.text.v1 import text_pb2

from gateway.convert.retrieval import hit_to_proto
from gateway.domain import answer as domain
from gateway.domain.text import FinishReason, Usage

_FINISH = {
    FinishReason.STOP: text_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: text_pb2.FINISH_REASON_LENGTH,
}
_OMISSIONS = {
    domain.Omission.IRRELEVANT: injection_pb2.OMISSION_REASON_IRRELEVANT,
    domain.Omission.DUPLICATE: injection_pb2.OMISSION_REASON_DUPLICATE,
    domain.Omission.SUSPICIOUS: injection_pb2.OMISSION_REASON_SUSPICIOUS,
    domain.Omission.NO_ROOM: injection_pb2.OMISSION_REASON_NO_ROOM,
}
_ABSTENTIONS = {
    None: support_pb2.ABSTENTION_UNSPECIFIED,
    domain.Abstention.NOTHING_FOUND: support_pb2.ABSTENTION_NOTHING_FOUND,
    domain.Abstention.NOTHING_USABLE: support_pb2.ABSTENTION_NOTHING_USABLE,
    domain.Abstention.MODEL: support_pb2.ABSTENTION_MODEL,
    domain.Abstention.UNSUPPORTED: support_pb2.ABSTENTION_UNSUPPORTED,
}


def event_to_proto(event: domain.AskEvent) -> rag_pb2.AskResponse:
    """One event of an answer."""
    match event:
        case domain.Rewritten(query, method):
            return rag_pb2.AskResponse(rewritten=rewriting_pb2.Rewritten(query=query, method=method))
        case domain.Retrieved():
            return rag_pb2.AskResponse(retrieved=_retrieved(event))
        case domain.AnswerDelta(text):
            return rag_pb2.AskResponse(delta=rag_pb2.AnswerDelta(text=text))
        case domain.Citation():
            return rag_pb2.AskResponse(citation=_citation(event))
        case domain.SentenceSupport():
            return rag_pb2.AskResponse(sentence=_sentence(event))
        case domain.AskFinished():
            return rag_pb2.AskResponse(finished=_finished(event))


def _retrieved(event: domain.Retrieved) -> rag_pb2.Retrieved:
    return rag_pb2.Retrieved(
        passages=[
            rag_pb2.Passage(
                number=item.number,
                hit=hit_to_proto(item.hit),
                collection=item.collection,
                rerank_score=item.rerank_score,
                suspicions=[_suspicion(each) for each in item.suspicions],
            )
            for item in event.passages
        ],
        request_id=event.request_id,
        omitted=[
            injection_pb2.OmittedPassage(
                chunk_id=item.hit.chunk_id,
                document_id=item.hit.document_id,
                collection=item.collection,
                reason=_OMISSIONS[item.reason],
                suspicions=[_suspicion(each) for each in item.suspicions],
            )
            for item in event.omitted
        ],
        history_message_count=event.history_message_count,
    )


def _suspicion(suspicion: domain.Suspicion) -> injection_pb2.Suspicion:
    start, end = suspicion.span
    return injection_pb2.Suspicion(kind=suspicion.kind, start_byte=start, end_byte=end)


def _citation(event: domain.Citation) -> rag_pb2.Citation:
    hit = event.passage.hit
    return rag_pb2.Citation(
        number=event.passage.number,
        chunk_id=hit.chunk_id,
        document_id=hit.document_id,
        start_byte=hit.start_byte,
        end_byte=hit.end_byte,
        answer_start_byte=event.answer[0],
        answer_end_byte=event.answer[1],
        content_sha256=hit.content_sha256,
        sentence_number=event.sentence_number,
        collection=event.passage.collection,
        support=event.support,
        supported=event.supported,
        evidence=_evidence(event.evidence),
    )


def _sentence(event: domain.SentenceSupport) -> support_pb2.SentenceSupport:
    return support_pb2.SentenceSupport(
        number=event.number,
        answer_start_byte=event.answer[0],
        answer_end_byte=event.answer[1],
        support=event.support,
        supported=event.supported,
        passage_number=event.passage_number,
        evidence=_evidence(event.evidence),
        cited_passage_numbers=event.cited_passage_numbers,
        repeats_instruction=event.repeats_instruction,
    )


def _evidence(span: domain.Span | None) -> support_pb2.Evidence | None:
    return None if span is None else support_pb2.Evidence(start_byte=span[0], end_byte=span[1])


def _finished(event: domain.AskFinished) -> rag_pb2.AskFinished:
    measure = event.groundedness
    return rag_pb2.AskFinished(
        groundedness=rag_pb2.Groundedness(
            score=measure.score,
            sentence_count=measure.sentence_count,
            supported_sentence_count=measure.supported_sentence_count,
            invalid_citation_count=measure.invalid_citation_count,
            method=measure.method,
            sentences=[_sentence(sentence) for sentence in measure.sentences],
            withheld_sentence_count=measure.withheld_sentence_count,
        ),
        finish_reason=_FINISH[event.finish_reason],
        usage=_usage(event.usage),
        timings=rag_pb2.AskTimings(**dataclasses.asdict(event.timings)),
        model=event.model,
        abstention=_ABSTENTIONS[event.abstention],
    )


def _usage(usage: Usage) -> text_pb2.Usage:
    return text_pb2.Usage(
        prompt_token_count=usage.prompt_token_count,
        completion_token_count=usage.completion_token_count,
        cached_prompt_token_count=usage.cached_prompt_token_count,
    )
