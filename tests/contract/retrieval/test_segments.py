"""What every kind of sealed segment must do, against numpy in float64."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from retrieval.domain import Bitmap, CollectionSpec, Effort, Hnsw, Ids, IndexKind, IvfPq, Metric, Vector
from retrieval.index.base import Sealed
from retrieval.index.planner import Scan, Walk

from .backends import CASES, MakeKind, backend

DIMENSION = 32
COUNT = 12_000
OPTIONS: dict[IndexKind, Hnsw | IvfPq] = {
    IndexKind.HNSW: Hnsw(m=16, ef_construction=40, ef_search=48, accurate_ef_search=96),
    IndexKind.SCALAR_QUANTIZED: Hnsw(m=16, ef_construction=40, ef_search=48, accurate_ef_search=96),
    IndexKind.IVF_PQ: IvfPq(code_bytes=16, probe_share=0.2, accurate_probe_share=0.5),
}


def spec(kind: IndexKind, metric: Metric = Metric.COSINE, dimension: int = DIMENSION) -> CollectionSpec:
    return CollectionSpec("c", dimension, metric, kind, options=OPTIONS[kind])


def made(count: int, seed: int) -> Vector:
    """Vectors of length 1 about 50 centres, as embeddings of texts lie."""
    centres = np.random.default_rng(0).standard_normal((50, DIMENSION))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 50, count)] + 0.7 * rng.standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS, QUERIES = made(COUNT, 1), made(40, 2)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1].value}")
def case(request: pytest.FixtureRequest) -> tuple[str, IndexKind]:
    found: tuple[str, IndexKind] = request.param
    return found


@pytest.fixture(scope="module")
def kind(case: tuple[str, IndexKind]) -> IndexKind:
    return case[1]


@pytest.fixture(scope="module")
def make(case: tuple[str, IndexKind], tmp_path_factory: pytest.TempPathFactory) -> MakeKind:
    return backend(case[0], tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="module")
def segment(make: MakeKind, kind: IndexKind) -> Sealed:
    return make(spec(kind)).build(VECTORS)


def packed(allowed: NDArray[np.bool_]) -> Bitmap:
    return np.packbits(allowed, bitorder="little")


def recall(slots: Ids, k: int, allowed: NDArray[np.bool_] | None = None) -> float:
    """Return the share of the true k nearest among the candidates, none of which may be forbidden."""
    scores = QUERIES.astype(np.float64) @ VECTORS.astype(np.float64).T
    if allowed is not None:
        assert allowed[slots[slots >= 0]].all()
        scores[:, ~allowed] = -np.inf
    nearest = np.argsort(-scores, axis=1)[:, :k]
    return float(np.mean([np.isin(true, found).mean() for true, found in zip(nearest, slots, strict=True)]))


@pytest.mark.parametrize(
    ("effort", "least"), [(Effort.DEFAULT, 0.95), (Effort.ACCURATE, 0.99), (Effort.EXACT, 0.99)]
)
def test_efforts_keep_their_recall(segment: Sealed, effort: Effort, least: float) -> None:
    assert isinstance(segment.plan(10, None, effort), Scan if effort is Effort.EXACT else Walk)
    _, slots = segment.search(QUERIES, 10, None, effort)
    assert recall(slots, 10) >= least


@pytest.mark.parametrize("share", [0.5, 0.01, 0.001])
def test_filters_leave_all_k_and_their_recall(segment: Sealed, share: float) -> None:
    allowed = np.random.default_rng(3).random(COUNT) < share
    _, slots = segment.search(QUERIES, 10, packed(allowed), Effort.ACCURATE)
    assert ((slots >= 0).sum(axis=1) >= min(10, allowed.sum())).all()
    assert recall(slots, 10, allowed) >= 0.99


def test_a_filter_that_points_elsewhere_still_leaves_k(segment: Sealed, kind: IndexKind) -> None:
    scores = (QUERIES[:2] @ VECTORS.T)[1]
    allowed = scores < np.quantile(scores, 0.85)  # the nearest 15 % are forbidden
    assert isinstance(segment.plan(10, packed(allowed), Effort.DEFAULT), Walk)
    _, slots = segment.search(QUERIES[:2], 10, packed(allowed), Effort.DEFAULT)
    assert (slots >= 0).sum(axis=1).tolist() == [slots.shape[1]] * 2
    best = np.argsort(np.where(allowed, -scores, np.inf))[:10]
    least = {IndexKind.HNSW: 1.0, IndexKind.SCALAR_QUANTIZED: 0.9, IndexKind.IVF_PQ: 0.4}
    assert np.isin(best, slots[1]).mean() >= least[kind]


@pytest.mark.parametrize("count", [1, 3, 40, 700])
@pytest.mark.parametrize("metric", list(Metric))
def test_small_segments_give_all_they_have(
    make: MakeKind, kind: IndexKind, metric: Metric, count: int
) -> None:
    segment = make(spec(kind, metric)).build(VECTORS[:count])
    for effort in Effort:
        assert isinstance(segment.plan(10, None, effort), Scan)
        _, slots = segment.search(QUERIES, 2000, None, effort)
        assert [sorted(row[row >= 0].tolist()) for row in slots] == [list(range(count))] * len(QUERIES)
        _, nearest = segment.search(VECTORS[:count], 1, None, effort)
        assert all(slot in row for slot, row in enumerate(nearest.tolist()))


def test_what_a_checkpoint_raises_ends_a_build(make: MakeKind, kind: IndexKind) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        make(spec(kind)).build(VECTORS[:700], stop)


def test_nothing_allowed_finds_nothing(segment: Sealed) -> None:
    for effort in Effort:
        _, slots = segment.search(QUERIES, 10, packed(np.zeros(COUNT, dtype=bool)), effort)
        assert len(slots) == len(QUERIES) and not (slots >= 0).any()


def test_what_is_written_is_read_again(
    segment: Sealed, make: MakeKind, kind: IndexKind, tmp_path: Path
) -> None:
    segment.write(tmp_path / "segment")
    again = make(spec(kind)).read(tmp_path / "segment")
    assert (again.ntotal, again.nbytes) == (segment.ntotal, segment.nbytes)
    for effort in Effort:
        found, expected = (each.search(QUERIES, 10, None, effort) for each in (again, segment))
        assert np.array_equal(found[1], expected[1])


def test_another_kind_dimension_or_metric_is_refused(
    segment: Sealed, make: MakeKind, kind: IndexKind, tmp_path: Path
) -> None:
    segment.write(tmp_path / "segment")
    others = [spec(other) for other in OPTIONS if other is not kind]
    for other in (*others, spec(kind, Metric.L2), spec(kind, dimension=16)):
        with pytest.raises(ValueError):
            make(other).read(tmp_path / "segment")
    (tmp_path / "segment").write_bytes(b"")
    with pytest.raises(ValueError):
        make(spec(kind)).read(tmp_path / "segment")


def test_only_whole_vectors_come_back(segment: Sealed, make: MakeKind, kind: IndexKind) -> None:
    slots = np.array([7, 0, COUNT - 1])
    vectors = segment.vectors(slots)
    assert vectors is None if not make(spec(kind)).in_memory else np.array_equal(vectors, VECTORS[slots])


def test_memory_is_what_the_kind_promises(segment: Sealed, kind: IndexKind) -> None:
    links = 16 * 8
    promised = {
        IndexKind.HNSW: 1.3 * (4 * DIMENSION + links),
        IndexKind.SCALAR_QUANTIZED: 1.3 * (DIMENSION + links),
        IndexKind.IVF_PQ: 1.3 * (16 + 8),
    }
    assert segment.nbytes / COUNT <= promised[kind]
