"""Documents, their listings and deletions, and ingest events."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
from google.protobuf import timestamp_pb2
from quadrille.retrieval.v1 import document_pb2
from serving.errors import InvalidInput

from retrieval import ingest, limits
from retrieval.convert.filters import dict_to_struct, filter_from_proto, struct_to_dict
from retrieval.domain import Chunk, Document
from retrieval.filters import Filter


def documents_from_proto(request: document_pb2.UpsertDocumentsRequest) -> list[Document]:
    """Read the documents of a write."""
    if not 1 <= len(request.documents) <= limits.MAX_DOCUMENTS_PER_WRITE:
        raise InvalidInput("documents", f"must hold 1 to {limits.MAX_DOCUMENTS_PER_WRITE} documents")
    return [document_from_proto(message, f"documents[{i}]") for i, message in enumerate(request.documents)]


def document_from_proto(message: document_pb2.Document, path: str) -> Document:
    """Read a document; what only responses set is passed over."""
    if len(message.chunks) > limits.MAX_CHUNKS:
        raise InvalidInput(f"{path}.chunks", f"must be at most {limits.MAX_CHUNKS}")
    if len(message.readers) > limits.MAX_READERS:
        raise InvalidInput(f"{path}.readers", f"must be at most {limits.MAX_READERS}")
    return Document(
        id=message.id,
        title=message.title,
        source_uri=message.source_uri,
        text=message.text,
        metadata=struct_to_dict(message.metadata, f"{path}.metadata"),
        chunks=tuple(_chunk(chunk, f"{path}.chunks[{i}]") for i, chunk in enumerate(message.chunks)),
        readers=tuple(dict.fromkeys(message.readers)),
        source_lsn=message.source_lsn,
    )


def _chunk(message: document_pb2.Chunk, path: str) -> Chunk:
    if len(message.vector) > limits.MAX_DIMENSION:
        raise InvalidInput(f"{path}.vector", f"must be at most {limits.MAX_DIMENSION} components")
    vector = np.array(message.vector, dtype=np.float32) if message.vector else None
    return Chunk(message.text, message.start_byte, message.end_byte, vector)


def document_to_proto(document: Document) -> document_pb2.Document:
    """Write a document as it is stored."""
    message = document_pb2.Document(
        id=document.id,
        title=document.title,
        source_uri=document.source_uri,
        text=document.text,
        metadata=dict_to_struct(document.metadata),
        version=document.version,
        lsn=document.lsn,
        content_sha256=document.content_sha256,
        readers=document.readers,
        source_lsn=document.source_lsn,
        chunk_count=document.chunk_count,
        text_bytes=document.text_bytes,
        chunks=[
            document_pb2.Chunk(
                ordinal=ordinal,
                text=chunk.text,
                start_byte=chunk.start_byte,
                end_byte=chunk.end_byte,
                vector=None if chunk.vector is None else chunk.vector.tolist(),
                id=f"{document.id}#{ordinal}",
            )
            for ordinal, chunk in enumerate(document.chunks)
        ],
    )
    if document.updated_at is not None:
        updated = timestamp_pb2.Timestamp()
        updated.FromDatetime(document.updated_at)
        message.update_time.CopyFrom(updated)
    return message


def deletion_from_proto(request: document_pb2.DeleteDocumentsRequest) -> Sequence[str] | Filter:
    """Read what to delete: ids or a filter."""
    if bool(request.ids) == request.HasField("filter"):
        raise InvalidInput("ids", "exactly one of ids and filter must be set")
    if request.HasField("filter"):
        return filter_from_proto(request.filter, "filter")
    if len(request.ids) > limits.MAX_DOCUMENTS_PER_WRITE:
        raise InvalidInput("ids", f"must be at most {limits.MAX_DOCUMENTS_PER_WRITE}")
    return list(request.ids)


async def start_from_proto(
    requests: AsyncIterator[document_pb2.IngestRequest],
) -> document_pb2.IngestStart:
    """Take the first message of an ingest."""
    async for request in requests:
        if request.WhichOneof("item") == "start":
            return request.start
        break
    raise InvalidInput("start", "must be the first message of the stream")


async def items_from_proto(
    requests: AsyncIterator[document_pb2.IngestRequest],
) -> AsyncIterator[ingest.Item]:
    """Take the documents of an ingest, each to be converted when its turn comes."""
    async for request in requests:
        if request.WhichOneof("item") != "document":
            raise InvalidInput("document", "must be set in every message after the first")
        item = request.document
        yield ingest.Item(item.sequence, item.document.id, _Loading(item))


class _Loading:
    def __init__(self, item: document_pb2.IngestDocument) -> None:
        self._item = item

    def __call__(self) -> Document:
        if not self._item.HasField("document"):
            raise InvalidInput("document", "must be set")
        return document_from_proto(self._item.document, "document")


def event_to_proto(event: ingest.Event) -> document_pb2.IngestResponse:
    """Write what happened in an ingest."""
    match event:
        case ingest.Granted(count):
            return document_pb2.IngestResponse(credits=document_pb2.IngestCredits(count=count))
        case ingest.Accepted(sequence, document_id, version, lsn):
            ack = document_pb2.IngestAck(sequence=sequence, document_id=document_id, version=version, lsn=lsn)
            return document_pb2.IngestResponse(ack=ack)
        case ingest.Rejected(sequence, document_id, error):
            field, description = "", error.message
            if isinstance(error, InvalidInput):
                field, description = error.field, error.description
            refusal = document_pb2.IngestError(
                sequence=sequence,
                document_id=document_id,
                reason=error.reason,
                field=field,
                description=description,
            )
            return document_pb2.IngestResponse(error=refusal)
        case ingest.Finished(accepted, rejected, last_lsn):
            finished = document_pb2.IngestFinished(
                accepted_count=accepted, rejected_count=rejected, last_lsn=last_lsn
            )
            return document_pb2.IngestResponse(finished=finished)


def expected_version_from_proto(request: document_pb2.UpsertDocumentsRequest) -> int | None:
    """Read the version that every document must have."""
    if not request.HasField("expected_version"):
        return None
    if request.expected_version < 0:
        raise InvalidInput("expected_version", "must be 0 or more")
    return request.expected_version
