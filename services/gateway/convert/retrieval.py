"""Retrieval messages, both ways."""

from typing import Any

from google.protobuf import json_format, struct_pb2
from quadrille.retrieval.v1 import collection_pb2, document_pb2, filter_pb2, search_pb2

from gateway.convert.filters import filter_to_proto
from gateway.domain import retrieval as domain
from gateway.domain.filters import Filter

_MODES = {
    search_pb2.SEARCH_MODE_DENSE: domain.SearchMode.DENSE,
    search_pb2.SEARCH_MODE_LEXICAL: domain.SearchMode.LEXICAL,
    search_pb2.SEARCH_MODE_HYBRID: domain.SearchMode.HYBRID,
}
_MODES_TO_PROTO = {mode: number for number, mode in _MODES.items()}
_RANKS = ("dense_score", "lexical_score", "dense_rank", "lexical_rank")


def mode_from_proto(value: int) -> domain.SearchMode | None:
    """A search mode; hybrid when unspecified, None for one that there is not."""
    if value == search_pb2.SEARCH_MODE_UNSPECIFIED:
        return domain.SearchMode.HYBRID
    return _MODES.get(value)  # type: ignore[call-overload, no-any-return]


def struct_to_dict(message: struct_pb2.Struct) -> dict[str, Any]:
    """Metadata as Python values; raises ValueError for numbers that JSON lacks."""
    values: dict[str, Any] = json_format.MessageToDict(message)
    return values


def dict_to_struct(values: dict[str, Any]) -> struct_pb2.Struct:
    """Metadata in its wire form."""
    return json_format.ParseDict(values, struct_pb2.Struct())


def collection_from_proto(message: collection_pb2.Collection) -> domain.Collection:
    """A collection."""
    return domain.Collection(
        message.name, message.dimension, message.embedding_model, message.document_count, message.chunk_count
    )


def collection_to_proto(collection: domain.Collection) -> collection_pb2.Collection:
    """The settings of a new collection; metric and index stay at the store's defaults."""
    return collection_pb2.Collection(
        name=collection.name, dimension=collection.dimension, embedding_model=collection.embedding_model
    )


def stored_from_proto(message: document_pb2.Document) -> domain.StoredDocument:
    """A document as the store holds it."""
    return domain.StoredDocument(
        id=message.id,
        title=message.title,
        source_uri=message.source_uri,
        metadata=struct_to_dict(message.metadata),
        content_sha256=message.content_sha256,
        spans=tuple((chunk.start_byte, chunk.end_byte) for chunk in message.chunks),
        lsn=message.lsn,
        readers=tuple(message.readers),
        text=message.text,
        version=message.version,
        chunk_count=message.chunk_count,
        text_bytes=message.text_bytes,
    )


def page_from_proto(message: document_pb2.ListDocumentsResponse) -> domain.DocumentPage:
    """A page of a listing."""
    return domain.DocumentPage(tuple(map(stored_from_proto, message.documents)), message.next_page_token)


def document_to_proto(document: domain.NewDocument) -> document_pb2.Document:
    """A document to write."""
    chunks = [
        document_pb2.Chunk(
            text=chunk.text, start_byte=chunk.start_byte, end_byte=chunk.end_byte, vector=vector
        )
        for chunk, vector in zip(document.chunks, document.vectors, strict=True)
    ]
    return document_pb2.Document(
        id=document.id,
        title=document.title,
        source_uri=document.source_uri,
        text=document.text,
        metadata=dict_to_struct(document.metadata),
        chunks=chunks,
        readers=document.readers,
    )


def search_to_proto(request: domain.SearchRequest) -> search_pb2.SearchRequest:
    """The wire form of a search."""
    query = search_pb2.Query(
        mode=_MODES_TO_PROTO[request.mode],
        vector=request.vector,
        text=request.text,
        top_k=request.top_k,
        filter=_filter_to_proto(request.filter),
        mmr=None if request.mmr is None else _mmr_to_proto(request.mmr),
    )
    return search_pb2.SearchRequest(
        collection=request.collection,
        query=query,
        min_lsn=request.min_lsn,
        embedding_model=request.embedding_model,
    )


def _filter_to_proto(filter: Filter | bytes | None) -> filter_pb2.Filter | None:
    if filter is None:
        return None
    return filter_pb2.Filter.FromString(filter) if isinstance(filter, bytes) else filter_to_proto(filter)


def _mmr_to_proto(mmr: domain.MaximalMarginalRelevance) -> search_pb2.MaximalMarginalRelevance:
    return search_pb2.MaximalMarginalRelevance(
        relevance_weight=mmr.relevance_weight, candidate_count=mmr.candidate_count
    )


def mmr_from_proto(message: search_pb2.MaximalMarginalRelevance) -> domain.MaximalMarginalRelevance:
    """How hits are varied; the store judges the values."""
    return domain.MaximalMarginalRelevance(
        message.relevance_weight if message.HasField("relevance_weight") else None,
        message.candidate_count if message.HasField("candidate_count") else None,
    )


def hit_from_proto(message: search_pb2.Hit) -> domain.Hit:
    """A chunk that was found."""
    ranks: dict[str, Any] = {name: getattr(message, name) for name in _RANKS if message.HasField(name)}  # type: ignore[arg-type]
    return domain.Hit(
        chunk_id=message.chunk_id,
        document_id=message.document_id,
        ordinal=message.ordinal,
        text=message.text,
        title=message.title,
        source_uri=message.source_uri,
        start_byte=message.start_byte,
        end_byte=message.end_byte,
        score=message.score,
        metadata=struct_to_dict(message.metadata),
        content_sha256=message.content_sha256,
        **ranks,
    )


def hit_to_proto(hit: domain.Hit) -> search_pb2.Hit:
    """A chunk that was found, for the client."""
    return search_pb2.Hit(
        chunk_id=hit.chunk_id,
        document_id=hit.document_id,
        ordinal=hit.ordinal,
        text=hit.text,
        title=hit.title,
        source_uri=hit.source_uri,
        start_byte=hit.start_byte,
        end_byte=hit.end_byte,
        metadata=dict_to_struct(hit.metadata),
        score=hit.score,
        dense_score=hit.dense_score,
        lexical_score=hit.lexical_score,
        dense_rank=hit.dense_rank,
        lexical_rank=hit.lexical_rank,
        content_sha256=hit.content_sha256,
    )
