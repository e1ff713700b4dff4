"""Queries."""

import math
from collections.abc import Sequence

import numpy as np
from quadrille.retrieval.v1 import search_pb2
from serving.errors import InvalidInput

from retrieval import limits
from retrieval.convert.filters import filter_from_proto
from retrieval.domain import (
    Access,
    DistributionBased,
    Effort,
    Fusion,
    Mmr,
    Query,
    ReciprocalRank,
    SearchMode,
    Weighted,
)
from retrieval.searching import Target
from retrieval.validation import check_bytes

_MODES = {
    search_pb2.SEARCH_MODE_UNSPECIFIED: None,
    search_pb2.SEARCH_MODE_DENSE: SearchMode.DENSE,
    search_pb2.SEARCH_MODE_LEXICAL: SearchMode.LEXICAL,
    search_pb2.SEARCH_MODE_HYBRID: SearchMode.HYBRID,
}
_EFFORTS = {
    search_pb2.SEARCH_EFFORT_UNSPECIFIED: None,
    search_pb2.SEARCH_EFFORT_DEFAULT: Effort.DEFAULT,
    search_pb2.SEARCH_EFFORT_ACCURATE: Effort.ACCURATE,
    search_pb2.SEARCH_EFFORT_EXACT: Effort.EXACT,
}
_PARTS = {search_pb2.HIT_PART_REFERENCE, search_pb2.HIT_PART_PASSAGE, search_pb2.HIT_PART_VECTOR}
_DEFAULT_FUSION = ReciprocalRank(limits.DEFAULT_RRF_K)

AnyRequest = search_pb2.SearchRequest | search_pb2.BatchSearchRequest


def target_from_proto(request: AnyRequest, tenant: str, access: Access) -> Target:
    """Read what to search."""
    min_lsn = request.min_lsn if request.HasField("min_lsn") else None
    if min_lsn is not None and min_lsn < 0:
        raise InvalidInput("min_lsn", "must be 0 or more")
    return Target(
        tenant, access, request.collection, request.embedding_model, min_lsn, explain=request.explain
    )


def query_from_proto(request: search_pb2.SearchRequest) -> Query:
    """Read the query of a search."""
    if not request.HasField("query"):
        raise InvalidInput("query", "must be set")
    return _query(request.query, "query")


def queries_from_proto(request: search_pb2.BatchSearchRequest) -> list[Query]:
    """Read the queries of a batch."""
    if not 1 <= len(request.queries) <= limits.MAX_QUERIES:
        raise InvalidInput("queries", f"must hold 1 to {limits.MAX_QUERIES} queries")
    return [_query(message, f"queries[{i}]") for i, message in enumerate(request.queries)]


def _query(message: search_pb2.Query, path: str) -> Query:
    if message.mode not in _MODES:
        raise InvalidInput(f"{path}.mode", f"{message.mode} is no mode")
    if message.effort not in _EFFORTS:
        raise InvalidInput(f"{path}.effort", f"{message.effort} is no effort")
    if len(message.vector) > limits.MAX_DIMENSION:
        raise InvalidInput(f"{path}.vector", f"must be at most {limits.MAX_DIMENSION} components")
    top_k = message.top_k if message.HasField("top_k") else limits.DEFAULT_TOP_K
    if not 1 <= top_k <= limits.MAX_TOP_K:
        raise InvalidInput(f"{path}.top_k", f"must be 1 to {limits.MAX_TOP_K}")
    parts = _hit_parts(message, f"{path}.parts")
    return Query(
        mode=_MODES[message.mode],
        vector=np.array(message.vector, dtype=np.float32) if message.vector else None,
        text=check_bytes(message.text, 0, limits.MAX_QUERY_BYTES, f"{path}.text"),
        top_k=top_k,
        filter=filter_from_proto(message.filter, f"{path}.filter") if message.HasField("filter") else None,
        fusion=_fusion(message, f"{path}.fusion"),
        min_score=_min_score(message, f"{path}.min_score"),
        mmr=_mmr(message, top_k, f"{path}.mmr"),
        group_size=_group_size(message, top_k, f"{path}.group_by_document"),
        effort=_EFFORTS[message.effort],
        with_passages=not parts or search_pb2.HIT_PART_PASSAGE in parts,
        with_vectors=search_pb2.HIT_PART_VECTOR in parts,
    )


def _hit_parts(message: search_pb2.Query, path: str) -> Sequence[int]:
    if len(message.parts) > len(_PARTS):
        raise InvalidInput(path, f"must be at most {len(_PARTS)}")
    for place, part in enumerate(message.parts):
        if part not in _PARTS:
            raise InvalidInput(f"{path}[{place}]", f"{part} is no part of a hit")
    return message.parts


def _min_score(message: search_pb2.Query, path: str) -> float | None:
    if not message.HasField("min_score"):
        return None
    if not math.isfinite(message.min_score):
        raise InvalidInput(path, "must be finite")
    return message.min_score


def _mmr(message: search_pb2.Query, top_k: int, path: str) -> Mmr | None:
    if not message.HasField("mmr"):
        return None
    weight = message.mmr.relevance_weight if message.mmr.HasField("relevance_weight") else 0.5
    if not 0 <= weight <= 1:
        raise InvalidInput(f"{path}.relevance_weight", "must be 0 to 1")
    most = limits.MAX_MMR_CANDIDATES
    count = min(most, max(limits.MIN_CANDIDATES, limits.CANDIDATE_FACTOR * top_k))
    if message.mmr.HasField("candidate_count"):
        count = message.mmr.candidate_count
    if not top_k <= count <= most:
        raise InvalidInput(f"{path}.candidate_count", f"must be top_k to {most}")
    return Mmr(weight, count)


def _group_size(message: search_pb2.Query, top_k: int, path: str) -> int | None:
    if not message.HasField("group_by_document"):
        return None
    if message.HasField("mmr"):
        raise InvalidInput(path, "cannot be combined with mmr")
    group = message.group_by_document
    size = group.group_size if group.HasField("group_size") else 1
    if not 1 <= size <= limits.MAX_GROUP_SIZE:
        raise InvalidInput(f"{path}.group_size", f"must be 1 to {limits.MAX_GROUP_SIZE}")
    if top_k * size > limits.MAX_TOP_K:
        raise InvalidInput(f"{path}.group_size", f"times top_k must be at most {limits.MAX_TOP_K}")
    return size


def _fusion(message: search_pb2.Query, path: str) -> Fusion:
    if not message.HasField("fusion"):
        return _DEFAULT_FUSION
    match message.fusion.WhichOneof("method"):
        case "rrf":
            rrf = message.fusion.rrf
            k = rrf.k if rrf.HasField("k") else limits.DEFAULT_RRF_K
            if not 1 <= k <= limits.MAX_RRF_K:
                raise InvalidInput(f"{path}.rrf.k", f"must be 1 to {limits.MAX_RRF_K}")
            return ReciprocalRank(k)
        case "weighted":
            weights = message.fusion.weighted
            for name in ("dense_weight", "lexical_weight"):
                value = getattr(weights, name)
                if not (math.isfinite(value) and value >= 0):
                    raise InvalidInput(f"{path}.weighted.{name}", "must be 0 or more, and finite")
            if weights.dense_weight == weights.lexical_weight == 0:
                raise InvalidInput(f"{path}.weighted.dense_weight", "both weights are 0")
            return Weighted(weights.dense_weight, weights.lexical_weight)
        case "dbsf":
            return DistributionBased()
    raise InvalidInput(f"{path}.method", "must be set")
