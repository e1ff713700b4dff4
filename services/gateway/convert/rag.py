"""Messages of RagService, both ways, with the checks that need no other service."""

from quadrille.gateway.v1 import rag_pb2
from quadrille.text.v1 import text_pb2
from serving.errors import InvalidInput

from gateway.convert.retrieval import hit_to_proto, mode_from_proto, struct_to_dict
from gateway.convert.text import message_from_proto, sampling_from_proto
from gateway.domain import rag as domain
from gateway.domain.text import FinishReason, Usage

_MAX_QUESTION_BYTES = 16 * 1024
_MAX_HISTORY = 64
_MAX_TOP_K = 32
_RERANK_DEPTH = 32
_MAX_RERANK_DEPTH = 256
_MAX_REQUEST_ID_BYTES = 128
_MAX_READERS = 256
_FINISH = {
    FinishReason.STOP: text_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: text_pb2.FINISH_REASON_LENGTH,
}


def ask_from_proto(message: rag_pb2.AskRequest) -> domain.AskRequest:
    """A question; raises InvalidInput."""
    _check_size("question", message.question, _MAX_QUESTION_BYTES)
    if not message.collection:
        raise InvalidInput("collection", "must be set")
    if len(message.history) > _MAX_HISTORY:
        raise InvalidInput("history", f"holds {len(message.history)} messages, at most {_MAX_HISTORY}")
    top_k = message.top_k if message.HasField("top_k") else 4
    if not 1 <= top_k <= _MAX_TOP_K:
        raise InvalidInput("top_k", f"must be 1 to {_MAX_TOP_K}")
    mode = mode_from_proto(message.mode)
    if mode is None:
        raise InvalidInput("mode", f"{message.mode} is no search mode")
    if len(message.request_id.encode()) > _MAX_REQUEST_ID_BYTES:
        raise InvalidInput("request_id", f"is over {_MAX_REQUEST_ID_BYTES} bytes")
    sampling = sampling_from_proto(message.sampling)
    if sampling.n not in (None, 1):
        raise InvalidInput("sampling.n", "must be 1: an answer is one sequence")
    if sampling.logprobs is not None:
        raise InvalidInput("sampling.logprobs", "must be absent: an answer carries no log-probabilities")
    return domain.AskRequest(
        collection=message.collection,
        question=message.question,
        history=tuple(
            message_from_proto(turn, f"history[{place}]") for place, turn in enumerate(message.history)
        ),
        model=message.model,
        sampling=sampling,
        top_k=top_k,
        filter=message.filter.SerializeToString() if message.HasField("filter") else None,
        mode=mode,
        min_lsn=message.min_lsn if message.HasField("min_lsn") else None,
        request_id=message.request_id,
        rerank=_reranking(message, top_k),
    )


def _reranking(message: rag_pb2.AskRequest, top_k: int) -> domain.Reranking | None:
    if not message.HasField("rerank"):
        return None
    depth = message.rerank.depth if message.rerank.HasField("depth") else _RERANK_DEPTH
    if not top_k <= depth <= _MAX_RERANK_DEPTH:
        raise InvalidInput("rerank.depth", f"must be top_k to {_MAX_RERANK_DEPTH}")
    return domain.Reranking(message.rerank.model, depth)


def event_to_proto(event: domain.AskEvent) -> rag_pb2.AskResponse:
    """One event of an answer."""
    match event:
        case domain.Retrieved(passages, request_id):
            return rag_pb2.AskResponse(
                retrieved=rag_pb2.Retrieved(
                    passages=[
                        rag_pb2.Passage(number=item.number, hit=hit_to_proto(item.hit)) for item in passages
                    ],
                    request_id=request_id,
                )
            )
        case domain.AnswerDelta(text):
            return rag_pb2.AskResponse(delta=rag_pb2.AnswerDelta(text=text))
        case domain.Citation(passage, start, end):
            hit = passage.hit
            return rag_pb2.AskResponse(
                citation=rag_pb2.Citation(
                    number=passage.number,
                    chunk_id=hit.chunk_id,
                    document_id=hit.document_id,
                    start_byte=hit.start_byte,
                    end_byte=hit.end_byte,
                    answer_start_byte=start,
                    answer_end_byte=end,
                    content_sha256=hit.content_sha256,
                )
            )
        case domain.AskFinished():
            return rag_pb2.AskResponse(finished=_finished(event))


def start_from_proto(message: rag_pb2.IngestDocumentsStart) -> domain.IngestStart:
    """The opening of an ingest; raises InvalidInput."""
    if not message.collection:
        raise InvalidInput("start.collection", "must be set")
    if message.chunk_unit not in rag_pb2.ChunkUnit.values():
        raise InvalidInput("start.chunk_unit", f"{message.chunk_unit} is no unit of chunks")
    in_tokens = message.chunk_unit == rag_pb2.CHUNK_UNIT_TOKENS
    least, most, usual, name = (16, 2048, 200, "tokens") if in_tokens else (64, 8192, 800, "characters")
    size = message.chunk_size if message.HasField("chunk_size") else usual
    overlap = message.chunk_overlap if message.HasField("chunk_overlap") else min(usual // 8, size // 2)
    if not least <= size <= most:
        raise InvalidInput("start.chunk_size", f"must be {least} to {most} {name}")
    if not 0 <= overlap <= size // 2:
        raise InvalidInput("start.chunk_overlap", "must be 0 to half the chunk size")
    return domain.IngestStart(message.collection, message.embedding_model, size, overlap, in_tokens)


def file_from_proto(message: rag_pb2.File) -> domain.File:
    """A file; raises InvalidInput."""
    _check_size("file.id", message.id, 512)
    _check_size("file.title", message.title, 1024, least=0)
    _check_size("file.source_uri", message.source_uri, 2048, least=0)
    if len(message.readers) > _MAX_READERS:
        raise InvalidInput("file.readers", f"must be at most {_MAX_READERS}")
    try:
        metadata = struct_to_dict(message.metadata)
    except ValueError as error:
        raise InvalidInput("file.metadata", "holds a number that JSON lacks") from error
    return domain.File(
        message.id,
        message.data,
        message.media_type,
        message.title,
        message.source_uri,
        metadata,
        tuple(message.readers),
    )


def ingest_event_to_proto(event: domain.IngestEvent) -> rag_pb2.IngestDocumentsResponse:
    """One event of an ingest."""
    match event:
        case domain.FileStored(file_id, chunk_count, lsn, unchanged):
            stored = rag_pb2.FileStored(id=file_id, chunk_count=chunk_count, lsn=lsn, unchanged=unchanged)
            return rag_pb2.IngestDocumentsResponse(stored=stored)
        case domain.FileRefused(file_id, reason, field, description):
            refused = rag_pb2.FileRefused(id=file_id, reason=reason, field=field, description=description)
            return rag_pb2.IngestDocumentsResponse(refused=refused)
        case domain.IngestFinished():
            return rag_pb2.IngestDocumentsResponse(
                finished=rag_pb2.IngestDocumentsFinished(
                    stored_count=event.stored_count,
                    refused_count=event.refused_count,
                    chunk_count=event.chunk_count,
                    last_lsn=event.last_lsn,
                    collection=event.collection,
                )
            )


def _finished(event: domain.AskFinished) -> rag_pb2.AskFinished:
    measure, timings = event.groundedness, event.timings
    return rag_pb2.AskFinished(
        groundedness=rag_pb2.Groundedness(
            score=measure.score,
            sentence_count=measure.sentence_count,
            supported_sentence_count=measure.supported_sentence_count,
            invalid_citation_count=measure.invalid_citation_count,
            method=measure.method,
        ),
        finish_reason=_FINISH[event.finish_reason],
        usage=_usage(event.usage),
        timings=rag_pb2.AskTimings(
            embed_ms=timings.embed_ms,
            search_ms=timings.search_ms,
            first_token_ms=timings.first_token_ms,
            generate_ms=timings.generate_ms,
        ),
        model=event.model,
    )


def _usage(usage: Usage) -> text_pb2.Usage:
    return text_pb2.Usage(
        prompt_token_count=usage.prompt_token_count,
        completion_token_count=usage.completion_token_count,
        cached_prompt_token_count=usage.cached_prompt_token_count,
    )


def _check_size(field: str, value: str, most: int, least: int = 1) -> None:
    if not least <= len(value.encode()) <= most:
        raise InvalidInput(field, f"must be {least} to {most} bytes of UTF-8")
