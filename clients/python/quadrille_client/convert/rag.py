"""RAG messages."""

from collections.abc import Iterable, Sequence
from typing import Any

from quadrille.gateway.v1 import injection_pb2, rewriting_pb2, support_pb2
from quadrille.gateway.v1 import rag_pb2 as pb
from quadrille.text.v1 import text_pb2

from quadrille_client.convert import retrieval, text
from quadrille_client.convert.enums import value, word
from quadrille_client.types import rag as types
from quadrille_client.uploads import Upload

Event = (
    types.Rewritten
    | types.Retrieved
    | types.AnswerDelta
    | types.Citation
    | types.SentenceSupport
    | types.AskFinished
)
FileEvent = types.FileStored | types.FileRefused | types.FilesFinished


def ask(collection: str | Sequence[str], question: str, options: types.AskOptions) -> pb.AskRequest:
    """A question to one collection or several; what the options leave out stays absent.

    Raises TypeError for an option that there is not, ValueError for a value that is none.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    request = pb.AskRequest(
        collection=collection if isinstance(collection, str) else "",
        collections=() if isinstance(collection, str) else collection,
        question=question,
        history=text.messages(given.pop("history", ())),
        model=given.pop("model", ""),
        top_k=given.pop("passages", None),
        filter=retrieval.filter_to_pb(given.pop("filter", None)),
        mode=retrieval.mode(given.pop("mode", None)),
        mmr=retrieval.mmr(given.pop("mmr", None), given.pop("mmr_candidates", None)),
        min_lsn=given.pop("min_lsn", None),
        min_relevance=given.pop("min_relevance", None),
        max_passage_tokens=given.pop("max_passage_tokens", None),
        max_history_tokens=given.pop("max_history_tokens", None),
        support_method=value(support_pb2.SupportMethod, given.pop("support", None), "support"),
        supported_only=given.pop("supported_only", None),
        injection_defence=value(
            injection_pb2.InjectionDefence, given.pop("injection_defence", None), "injection_defence"
        ),
    )
    model, depth = given.pop("rerank", None), given.pop("rerank_depth", None)
    if model is not None or depth is not None:
        request.rerank.CopyFrom(pb.Reranking(model=model, depth=depth))
    method, rewriter = given.pop("rewrite", None), given.pop("rewrite_model", "")
    if method is not None or rewriter:
        number = value(rewriting_pb2.RewriteMethod, method, "rewrite")
        request.rewrite.CopyFrom(rewriting_pb2.QueryRewriting(method=number, model=rewriter))
    if given:
        request.sampling.CopyFrom(text.sampling(given))
    return request


def event(message: pb.AskResponse) -> Event | None:
    """One event of an answer; None for a kind newer than this client."""
    kind = message.WhichOneof("event")
    if kind == "rewritten":
        return types.Rewritten(message.rewritten.query, message.rewritten.method)
    if kind == "retrieved":
        return _retrieved(message.retrieved)
    if kind == "delta":
        return types.AnswerDelta(message.delta.text)
    if kind == "citation":
        return _citation(message.citation)
    if kind == "sentence":
        return _sentence(message.sentence)
    if kind == "finished":
        return _finished(message.finished)
    return None


def file_event(message: pb.IngestDocumentsResponse) -> FileEvent | None:
    """One event of an ingest of files; None for a kind newer than this client."""
    kind = message.WhichOneof("event")
    if kind == "stored":
        stored = message.stored
        return types.FileStored(stored.id, stored.chunk_count, stored.lsn, stored.unchanged)
    if kind == "refused":
        refused = message.refused
        return types.FileRefused(refused.id, refused.reason, refused.field, refused.description)
    if kind == "finished":
        end = message.finished
        return types.FilesFinished(
            end.collection, end.stored_count, end.refused_count, end.chunk_count, end.last_lsn
        )
    return None


def start(
    collection: str,
    embedding_model: str,
    chunk_size: int | None,
    chunk_overlap: int | None,
    chunk_unit: types.ChunkUnit | None,
) -> pb.IngestDocumentsRequest:
    """The opening of an ingest of files."""
    opening = pb.IngestDocumentsStart(
        collection=collection,
        embedding_model=embedding_model,
        chunk_size=chunk_size,
        chunk_overlap=chunk_overlap,
        chunk_unit=value(pb.ChunkUnit, chunk_unit, "chunk_unit"),
    )
    return pb.IngestDocumentsRequest(start=opening)


def file(upload: Upload) -> pb.IngestDocumentsRequest:
    """One file of an ingest."""
    metadata = retrieval.struct(upload.metadata)
    sent = pb.File(id=upload.id, data=upload.data, metadata=metadata, readers=upload.readers)
    return pb.IngestDocumentsRequest(file=sent)


def _retrieved(message: pb.Retrieved) -> types.Retrieved:
    return types.Retrieved(
        passages=tuple(
            types.Passage(
                passage.number,
                retrieval.hit(passage.hit),
                passage.collection,
                passage.rerank_score if passage.HasField("rerank_score") else None,
                _suspicions(passage.suspicions),
            )
            for passage in message.passages
        ),
        request_id=message.request_id,
        omitted=tuple(
            types.OmittedPassage(
                item.chunk_id,
                item.document_id,
                item.collection,
                word(injection_pb2.OmissionReason, item.reason),
                _suspicions(item.suspicions),
            )
            for item in message.omitted
        ),
        history_message_count=message.history_message_count,
    )


def _suspicions(messages: Iterable[injection_pb2.Suspicion]) -> tuple[types.Suspicion, ...]:
    return tuple(types.Suspicion(each.kind, each.start_byte, each.end_byte) for each in messages)


def _citation(message: pb.Citation) -> types.Citation:
    return types.Citation(
        message.number,
        message.chunk_id,
        message.document_id,
        message.start_byte,
        message.end_byte,
        message.answer_start_byte,
        message.answer_end_byte,
        message.content_sha256,
        message.sentence_number,
        message.collection,
        message.support,
        message.supported,
        _evidence(message),
    )


def _sentence(message: support_pb2.SentenceSupport) -> types.SentenceSupport:
    return types.SentenceSupport(
        message.number,
        message.answer_start_byte,
        message.answer_end_byte,
        message.support,
        message.supported,
        message.passage_number,
        _evidence(message),
        tuple(message.cited_passage_numbers),
        message.repeats_instruction,
    )


def _evidence(message: pb.Citation | support_pb2.SentenceSupport) -> types.Evidence | None:
    if not message.HasField("evidence"):
        return None
    return types.Evidence(message.evidence.start_byte, message.evidence.end_byte)


def _finished(message: pb.AskFinished) -> types.AskFinished:
    g, timings = message.groundedness, message.timings
    reason, abstention = message.finish_reason, message.abstention
    return types.AskFinished(
        groundedness=types.Groundedness(
            g.score,
            g.sentence_count,
            g.supported_sentence_count,
            g.invalid_citation_count,
            g.method,
            tuple(map(_sentence, g.sentences)),
            g.withheld_sentence_count,
        ),
        finish_reason=word(text_pb2.FinishReason, reason) if reason else None,
        usage=text.usage(message.usage),
        model=message.model,
        embed_ms=timings.embed_ms,
        search_ms=timings.search_ms,
        first_token_ms=timings.first_token_ms,
        generate_ms=timings.generate_ms,
        rewrite_ms=timings.rewrite_ms,
        rerank_ms=timings.rerank_ms,
        pack_ms=timings.pack_ms,
        support_ms=timings.support_ms,
        total_ms=timings.total_ms,
        energy_joules=timings.energy_joules if timings.HasField("energy_joules") else None,
        abstention=word(support_pb2.Abstention, abstention) if abstention else None,
    )
