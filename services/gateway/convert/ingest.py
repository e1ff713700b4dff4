"""Messages of an ingest of files, both ways, with the checks that need no other service."""

from quadrille.gateway.v1 import rag_pb2
from serving.errors import InvalidInput

from gateway.convert.retrieval import struct_to_dict
from gateway.convert.sizes import check_size
from gateway.domain import ingest as domain

_MAX_READERS = 256


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
    check_size("file.id", message.id, 512)
    check_size("file.title", message.title, 1024, least=0)
    check_size("file.source_uri", message.source_uri, 2048, least=0)
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
