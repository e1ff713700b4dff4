"""Options of the approximate kinds of index: what callers leave out, and what bounds the rest. Pure."""

from dataclasses import asdict, replace
from typing import Any

from serving.errors import InvalidInput

from retrieval import limits
from retrieval.domain import CollectionSpec, Hnsw, IndexKind, IvfPq

_KINDS: dict[IndexKind, type[Hnsw | IvfPq] | None] = {
    IndexKind.FLAT: None,
    IndexKind.HNSW: Hnsw,
    IndexKind.IVF_PQ: IvfPq,
    IndexKind.SCALAR_QUANTIZED: Hnsw,
}
_FIELDS = {Hnsw: "collection.hnsw", IvfPq: "collection.ivf_pq"}


def check_options(spec: CollectionSpec) -> CollectionSpec:
    """Return `spec` with all options of its kind; raises InvalidInput naming the one at fault."""
    kind = _KINDS[spec.index]
    options = spec.options
    if options is not None and type(options) is not kind:
        raise InvalidInput(_FIELDS[type(options)], f"is not for an index of the kind {spec.index.value}")
    if kind is None:
        return spec
    options = options or kind()
    if isinstance(options, Hnsw):
        _check_hnsw(options)
    else:
        options = _check_ivf_pq(options, spec.dimension)
    return replace(spec, options=options)


def _check_hnsw(options: Hnsw) -> None:
    path = _FIELDS[Hnsw]
    low, high = limits.HNSW_M
    if not low <= options.m <= high:
        raise InvalidInput(f"{path}.m", f"must be {low} to {high}")
    if not options.m <= options.ef_construction <= limits.MAX_EF_CONSTRUCTION:
        raise InvalidInput(f"{path}.ef_construction", f"must be m to {limits.MAX_EF_CONSTRUCTION}")
    low, high = limits.EF_SEARCH
    least = low if options.ef_search is None else options.ef_search
    if not low <= least <= high:
        raise InvalidInput(f"{path}.ef_search", f"must be {low} to {high}")
    if not least <= options.accurate_ef_search <= high:
        raise InvalidInput(f"{path}.accurate_ef_search", f"must be {least} to {high}")


def _check_ivf_pq(options: IvfPq, dimension: int) -> IvfPq:
    path = _FIELDS[IvfPq]
    # Written so that NaN is refused.
    if not 0 < options.probe_share <= 1:
        raise InvalidInput(f"{path}.probe_share", "must be above 0 and at most 1")
    if not options.probe_share <= options.accurate_probe_share <= 1:
        raise InvalidInput(f"{path}.accurate_probe_share", "must be probe_share to 1")
    if options.code_bytes is None:
        return replace(options, code_bytes=next(dimension // n for n in (4, 2, 1) if dimension % n == 0))
    if options.code_bytes < 1 or dimension % options.code_bytes:
        raise InvalidInput(f"{path}.code_bytes", f"must divide the dimension, {dimension}")
    return options


def options_to_json(options: Hnsw | IvfPq | None) -> dict[str, Any]:
    """Return options as they are stored; what is None is left to be learned and not stored."""
    told = asdict(options) if options else {}
    return {name: value for name, value in told.items() if value is not None}


def options_from_json(kind: IndexKind, stored: dict[str, Any]) -> Hnsw | IvfPq | None:
    """Read `options_to_json`."""
    made = _KINDS[kind]
    return made(**stored) if made else None
