"""Retrieval messages."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from google.protobuf import json_format, struct_pb2
from quadrille.retrieval.v1 import collection_pb2, document_pb2, filter_pb2, search_pb2

from quadrille_client.convert.enums import value, word
from quadrille_client.types import retrieval as types


def struct(mapping: Mapping[str, Any]) -> struct_pb2.Struct:
    """JSON-like metadata as a Struct."""
    message = struct_pb2.Struct()
    message.update(dict(mapping))
    return message


def plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as a result shows it: numbers are floats, tuples lists."""
    return json_format.MessageToDict(struct(mapping))


def collection_to_pb(
    name: str,
    dimension: int,
    metric: str,
    embedding_model: str,
    index: str | None,
    index_options: Mapping[str, Any] | None,
) -> collection_pb2.Collection:
    """A collection to be made; raises ValueError for an option that its kind of index lacks."""
    message = collection_pb2.Collection(
        name=name,
        dimension=dimension,
        metric=value(collection_pb2.Metric, metric, "metric"),
        embedding_model=embedding_model,
        index=value(collection_pb2.IndexKind, index, "index"),
    )
    if index_options:
        options = {
            "hnsw": message.hnsw,
            "scalar_quantized": message.hnsw,
            "ivf_pq": message.ivf_pq,
        }.get(index or "")
        if options is None:
            raise ValueError("index_options are for the kinds hnsw, scalar_quantized and ivf_pq")
        for name, given in index_options.items():
            if name not in options.DESCRIPTOR.fields_by_name:
                known = list(options.DESCRIPTOR.fields_by_name)
                raise ValueError(f"index_options must be of {known}, not {name!r}")
            setattr(options, name, given)
    return message


def collection(message: collection_pb2.Collection) -> types.Collection:
    """A collection."""
    return types.Collection(
        name=message.name,
        dimension=message.dimension,
        metric=word(collection_pb2.Metric, message.metric),
        embedding_model=message.embedding_model,
        document_count=message.document_count,
        chunk_count=message.chunk_count,
        last_lsn=message.last_lsn,
        aliases=tuple(message.aliases),
        index=word(collection_pb2.IndexKind, message.index),
        index_options={
            field.name: value
            for options in (message.hnsw, message.ivf_pq)
            for field, value in options.ListFields()
        },
    )


def document_to_pb(document: types.Document) -> document_pb2.Document:
    """A document for a request."""
    return document_pb2.Document(
        id=document.id,
        title=document.title,
        source_uri=document.source_uri,
        text=document.text,
        metadata=struct(document.metadata),
        chunks=[
            document_pb2.Chunk(text=c.text, start_byte=c.start_byte, end_byte=c.end_byte, vector=c.vector)
            for c in document.chunks
        ],
        readers=document.readers,
        source_lsn=document.source_lsn,
    )


def document(message: document_pb2.Document) -> types.Document:
    """A document of a response."""
    chunks = tuple(
        types.Chunk(c.text, c.start_byte, c.end_byte, tuple(c.vector), c.ordinal, c.id)
        for c in message.chunks
    )
    return types.Document(
        id=message.id,
        text=message.text,
        title=message.title,
        source_uri=message.source_uri,
        metadata=json_format.MessageToDict(message.metadata),
        chunks=chunks,
        version=message.version,
        lsn=message.lsn,
        content_sha256=message.content_sha256,
        update_time=message.update_time.ToDatetime(UTC) if message.HasField("update_time") else None,
        readers=tuple(message.readers),
        source_lsn=message.source_lsn,
        chunk_count=message.chunk_count,
        text_bytes=message.text_bytes,
    )


def filter_to_pb(condition: types.Filter | None) -> filter_pb2.Filter | None:
    """A filter; raises ValueError for a form that is none. Absent stays absent."""
    if condition is None:
        return None
    keys = set(condition)
    if keys == {"all"} or keys == {"any"}:
        (kind,) = keys
        parts = [part for item in condition[kind] if (part := filter_to_pb(item)) is not None]
        listed = filter_pb2.FilterList(filters=parts)
        return filter_pb2.Filter(all=listed) if kind == "all" else filter_pb2.Filter(any=listed)
    if keys == {"not"}:
        message = filter_pb2.Filter()
        inner = filter_to_pb(condition["not"])
        getattr(message, "not").CopyFrom(inner)
        return message
    if len(keys) == 2 and "field" in keys:
        return filter_pb2.Filter(condition=_condition(condition))
    raise ValueError(f"not a filter: {dict(condition)!r}")


def _condition(condition: types.Filter) -> filter_pb2.Condition:
    (test,) = set(condition) - {"field"}
    operand = condition[test]
    field = condition["field"]
    if test == "equals":
        return filter_pb2.Condition(field=field, equals=json_format.ParseDict(operand, struct_pb2.Value()))
    if test == "any_of":
        return filter_pb2.Condition(
            field=field, any_of=json_format.ParseDict(operand, struct_pb2.ListValue())
        )
    if test == "range":
        return filter_pb2.Condition(field=field, range=filter_pb2.Range(**operand))
    if test == "prefix":
        return filter_pb2.Condition(field=field, prefix=operand)
    if test == "exists":
        return filter_pb2.Condition(field=field, exists=operand)
    raise ValueError(f"not a test of a filter: {test!r}")


def mode(name: types.SearchMode | None) -> Any:
    """What ranks the chunks."""
    return value(search_pb2.SearchMode, name, "mode")


def query(
    vector: Sequence[float],
    text: str,
    mode_name: types.SearchMode | None,
    options: types.SearchOptions,
) -> search_pb2.Query:
    """A query; what the options leave out stays absent.

    Raises ValueError for a fusion or a part of hits that is none, and TypeError for an unknown option: none is dropped
    silently.
    """
    if unknown := set(options) - set(types.SearchOptions.__annotations__):
        raise TypeError(f"unknown search options: {', '.join(sorted(unknown))}")
    message = search_pb2.Query(
        mode=mode(mode_name),
        vector=vector,
        text=text,
        top_k=options.get("top_k"),
        filter=filter_to_pb(options.get("filter")),
        min_score=options.get("min_score"),
        mmr=mmr(options.get("mmr"), options.get("mmr_candidates")),
    )
    if (fusion := options.get("fusion")) is not None:
        try:
            json_format.ParseDict(dict(fusion), message.fusion)
        except json_format.ParseError as error:
            raise ValueError(f"not a fusion: {error}") from error
    message.effort = value(search_pb2.SearchEffort, options.get("effort"), "effort")
    message.parts.extend(value(search_pb2.HitPart, part, "parts") for part in options.get("parts") or ())
    if (size := options.get("group_size")) is not None:
        message.group_by_document.group_size = size
    return message


def mmr(weight: float | None, candidates: int | None) -> search_pb2.MaximalMarginalRelevance | None:
    """How hits are varied, once anything is said of it."""
    if weight is None and candidates is None:
        return None
    return search_pb2.MaximalMarginalRelevance(relevance_weight=weight, candidate_count=candidates)


def hit(message: search_pb2.Hit) -> types.Hit:
    """A chunk that was found."""
    return types.Hit(
        chunk_id=message.chunk_id,
        document_id=message.document_id,
        ordinal=message.ordinal,
        text=message.text,
        title=message.title,
        source_uri=message.source_uri,
        start_byte=message.start_byte,
        end_byte=message.end_byte,
        metadata=json_format.MessageToDict(message.metadata),
        score=message.score,
        dense_score=message.dense_score if message.HasField("dense_score") else None,
        lexical_score=message.lexical_score if message.HasField("lexical_score") else None,
        content_sha256=message.content_sha256,
        vector=tuple(message.vector),
    )


def result(message: search_pb2.SearchResponse) -> types.SearchResult:
    """An answer to a query."""
    plan = None
    if message.HasField("plan"):
        plan = json_format.MessageToDict(message.plan, preserving_proto_field_name=True)
    return types.SearchResult(tuple(hit(item) for item in message.hits), message.lsn, message.search_ms, plan)
