"""Collections."""

from dataclasses import asdict, replace
from typing import Any

from google.protobuf import timestamp_pb2
from quadrille.retrieval.v1 import collection_pb2
from serving.errors import InvalidInput

from retrieval.domain import Collection, CollectionSpec, Hnsw, IndexKind, IvfPq, Metric

_METRICS = {
    collection_pb2.METRIC_UNSPECIFIED: Metric.COSINE,
    collection_pb2.METRIC_COSINE: Metric.COSINE,
    collection_pb2.METRIC_INNER_PRODUCT: Metric.INNER_PRODUCT,
    collection_pb2.METRIC_L2: Metric.L2,
}
_INDEXES = {
    collection_pb2.INDEX_KIND_UNSPECIFIED: IndexKind.FLAT,
    collection_pb2.INDEX_KIND_FLAT: IndexKind.FLAT,
    collection_pb2.INDEX_KIND_HNSW: IndexKind.HNSW,
    collection_pb2.INDEX_KIND_IVF_PQ: IndexKind.IVF_PQ,
    collection_pb2.INDEX_KIND_SCALAR_QUANTIZED: IndexKind.SCALAR_QUANTIZED,
}
_METRICS_OUT = {metric: number for number, metric in _METRICS.items() if number}
_INDEXES_OUT = {kind: number for number, kind in _INDEXES.items() if number}
_OUTPUT_ONLY = ("document_count", "chunk_count", "last_lsn", "aliases", "create_time")


def spec_from_proto(request: collection_pb2.CreateCollectionRequest) -> CollectionSpec:
    """Read the settings of a new collection."""
    if not request.HasField("collection"):
        raise InvalidInput("collection", "must be set")
    message = request.collection
    for field, _ in message.ListFields():
        if field.name in _OUTPUT_ONLY:
            raise InvalidInput(f"collection.{field.name}", "is set in responses and must be empty here")
    if message.metric not in _METRICS:
        raise InvalidInput("collection.metric", f"{message.metric} is no metric")
    if message.index not in _INDEXES:
        raise InvalidInput("collection.index", f"{message.index} is no kind of index")
    return CollectionSpec(
        message.name,
        message.dimension,
        _METRICS[message.metric],
        _INDEXES[message.index],
        message.embedding_model,
        _options(message),
    )


def _options(message: collection_pb2.Collection) -> Hnsw | IvfPq | None:
    if message.HasField("hnsw") and message.HasField("ivf_pq"):
        raise InvalidInput("collection.ivf_pq", "must not be set together with hnsw")
    if message.HasField("hnsw"):
        hnsw = Hnsw(**_set(message.hnsw))
        if not message.hnsw.HasField("accurate_ef_search"):
            hnsw = replace(hnsw, accurate_ef_search=max(hnsw.accurate_ef_search, hnsw.ef_search or 0))
        return hnsw
    if message.HasField("ivf_pq"):
        ivf_pq = IvfPq(**_set(message.ivf_pq))
        if not message.ivf_pq.HasField("accurate_probe_share"):
            ivf_pq = replace(
                ivf_pq, accurate_probe_share=max(ivf_pq.accurate_probe_share, ivf_pq.probe_share)
            )
        return ivf_pq
    return None


def _set(message: collection_pb2.HnswOptions | collection_pb2.IvfPqOptions) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def collection_to_proto(collection: Collection) -> collection_pb2.Collection:
    """Write a collection."""
    created = timestamp_pb2.Timestamp()
    created.FromDatetime(collection.created_at)
    spec = collection.spec
    options = spec.options
    return collection_pb2.Collection(
        name=spec.name,
        dimension=spec.dimension,
        metric=_METRICS_OUT[spec.metric],
        index=_INDEXES_OUT[spec.index],
        embedding_model=spec.embedding_model,
        document_count=collection.document_count,
        chunk_count=collection.chunk_count,
        last_lsn=collection.last_lsn,
        aliases=collection.aliases,
        create_time=created,
        hnsw=collection_pb2.HnswOptions(**asdict(options)) if isinstance(options, Hnsw) else None,
        ivf_pq=collection_pb2.IvfPqOptions(**asdict(options)) if isinstance(options, IvfPq) else None,
    )
