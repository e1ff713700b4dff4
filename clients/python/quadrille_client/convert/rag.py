"""RAG messages."""

from quadrille.gateway.v1 import rag_pb2 as pb
from quadrille.text.v1 import text_pb2

from quadrille_client.convert import retrieval, text
from quadrille_client.convert.enums import value, word
from quadrille_client.types import rag as types
from quadrille_client.uploads import Upload

Event = types.Retrieved | types.AnswerDelta | types.Citation | types.AskFinished
FileEvent = types.FileStored | types.FileRefused | types.FilesFinished


def event(message: pb.AskResponse) -> Event | None:
    """One event of an answer; None for a kind newer than this client."""
    kind = message.WhichOneof("event")
    if kind == "retrieved":
        passages = tuple(types.Passage(p.number, retrieval.hit(p.hit)) for p in message.retrieved.passages)
        return types.Retrieved(passages, message.retrieved.request_id)
    if kind == "delta":
        return types.AnswerDelta(message.delta.text)
    if kind == "citation":
        c = message.citation
        return types.Citation(
            c.number,
            c.chunk_id,
            c.document_id,
            c.start_byte,
            c.end_byte,
            c.answer_start_byte,
            c.answer_end_byte,
            c.content_sha256,
        )
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


def _finished(message: pb.AskFinished) -> types.AskFinished:
    g = message.groundedness
    reason = message.finish_reason
    return types.AskFinished(
        groundedness=types.Groundedness(
            g.score, g.sentence_count, g.supported_sentence_count, g.invalid_citation_count, g.method
        ),
        finish_reason=word(text_pb2.FinishReason, reason) if reason else None,
        usage=text.usage(message.usage),
        model=message.model,
        embed_ms=message.timings.embed_ms,
        search_ms=message.timings.search_ms,
        first_token_ms=message.timings.first_token_ms,
        generate_ms=message.timings.generate_ms,
    )
