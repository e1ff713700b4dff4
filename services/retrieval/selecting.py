"""Which of the ranked chunks are returned, and in what order: threshold, variety, groups."""

from collections.abc import Mapping

import numpy as np

from retrieval import fusion, mmr
from retrieval.domain import Query, Reference, Scores, SearchMode, Vector
from retrieval.limits import CANDIDATE_FACTOR, MIN_CANDIDATES
from retrieval.store.reader import Reader


def first_depth(query: Query, mode: SearchMode) -> int:
    """Return how many candidates of each ranking to begin with."""
    wanted = query.top_k * (query.group_size or 1)
    if mode is SearchMode.HYBRID or query.group_size:
        wanted = max(MIN_CANDIDATES, CANDIDATE_FACTOR * wanted)
    return max(wanted, query.mmr.candidate_count) if query.mmr else wanted


def select(
    query: Query,
    mode: SearchMode,
    scores: Mapping[str, float],
    numbers: Mapping[str, int],
    reader: Reader,
    dimension: int,
) -> list[str]:
    """Return the ids of the chunks to return, in order. `numbers` has the candidates' internal ids."""
    ordered = fusion.order(scores)
    if query.min_score is not None:
        ordered = [name for name in ordered if scores[name] >= query.min_score]
    if query.group_size:
        return grouped(ordered, query.top_k, query.group_size)
    if query.mmr is None:
        return ordered[: query.top_k]
    ordered = ordered[: query.mmr.candidate_count]
    stored = reader.chunk_vectors(np.array([numbers[name] for name in ordered], dtype=np.int64))
    rows = np.zeros((len(ordered), dimension), dtype=np.float32)
    for place, name in enumerate(ordered):
        if (vector := stored.get(numbers[name])) is not None:
            rows[place] = vector
    units = mmr.unit_rows(rows)
    relevance = _relevance(query, mode, {name: scores[name] for name in ordered}, units)
    return [ordered[i] for i in mmr.select(relevance, units, query.top_k, query.mmr.relevance_weight)]


def grouped(ordered: list[str], documents: int, size: int) -> list[str]:
    """Return up to `size` chunks of each of the first `documents` documents, document by document."""
    groups: dict[str, list[str]] = {}
    for name in ordered:
        document = document_of(name)
        if document not in groups and len(groups) == documents:
            continue
        group = groups.setdefault(document, [])
        if len(group) < size:
            group.append(name)
    return [name for group in groups.values() for name in group]


def lacks_documents(query: Query, mode: SearchMode, scores: Mapping[str, float], chosen: list[str]) -> bool:
    """Tell whether more candidates might bring documents that are still asked for."""
    if query.group_size is None or len(set(map(document_of, chosen))) == query.top_k:
        return False
    # In a single ranking what comes later scores lower; fused scores may still grow.
    passed = query.min_score is not None and min(scores.values(), default=0.0) < query.min_score
    return mode is SearchMode.HYBRID or not passed


def document_of(chunk: str) -> str:
    """Return the id of a chunk's document."""
    return chunk.rpartition("#")[0]


def reference_of(chunk: str) -> Reference:
    """Return the reference to a chunk, which its id alone tells."""
    document, _, ordinal = chunk.rpartition("#")
    return Reference(chunk, document, int(ordinal))


def _relevance(query: Query, mode: SearchMode, scores: Mapping[str, float], units: mmr.Rows) -> Scores:
    if mode is SearchMode.DENSE:
        assert query.vector is not None
        vector: Vector = query.vector[None, :]
        return np.asarray(units @ mmr.unit_rows(vector)[0], dtype=np.float64)
    return np.array(list(fusion.scaled(scores).values()), dtype=np.float64)
