from pathlib import Path

import numpy as np
import pytest
from retrieval.domain import CollectionSpec, Effort, Hnsw, Ids, IndexKind, Metric, Vector
from retrieval.index.graph import GraphSegment
from retrieval.index.kinds import FaissKind
from retrieval.index.planner import Scan, Walk
from retrieval.index.widths import UNLEARNED

COUNT, DIMENSION = 6000, 32
TARGET = 0.97
GRAPHS = [IndexKind.HNSW, IndexKind.SCALAR_QUANTIZED]


def made(count: int, seed: int) -> Vector:
    """Vectors of length 1 about 50 centres, as embeddings of texts lie."""
    centres = np.random.default_rng(0).standard_normal((50, DIMENSION))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 50, count)] + 0.7 * rng.standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS, QUERIES = made(COUNT, 1), made(200, 2)


def kind(graph: IndexKind = IndexKind.HNSW, target: float = TARGET, **options: int) -> FaissKind:
    spec = CollectionSpec(
        "c", DIMENSION, Metric.COSINE, graph, options=Hnsw(m=16, ef_construction=40, **options)
    )
    return FaissKind(spec, target)


def build(kind: FaissKind, vectors: Vector = VECTORS) -> GraphSegment:
    segment = kind.build(vectors)
    assert isinstance(segment, GraphSegment)
    return segment


def recall(slots: Ids) -> float:
    nearest = np.argsort(-(QUERIES.astype(np.float64) @ VECTORS.T.astype(np.float64)), axis=1)[:, :10]
    return float(np.mean([np.isin(true, found).mean() for true, found in zip(nearest, slots, strict=True)]))


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_graph_is_calibrated_to_its_target_and_remembers(graph: IndexKind, tmp_path: Path) -> None:
    segment = build(kind(graph))
    assert segment.plan(10, None, Effort.DEFAULT) == Walk(segment.calibrated)
    assert segment.calibrated < UNLEARNED
    assert recall(segment.search(QUERIES, 10, None, Effort.DEFAULT)[1]) >= 0.95
    segment.write(tmp_path / "segment")
    again = kind(graph).read(tmp_path / "segment")
    assert again.plan(10, None, Effort.DEFAULT) == Walk(segment.calibrated)


def test_a_higher_target_takes_a_wider_walk() -> None:
    assert build(kind(target=0.999)).calibrated > build(kind(target=0.9)).calibrated


def test_without_a_target_or_with_a_width_told_nothing_is_learned(tmp_path: Path) -> None:
    unlearned, told = kind(target=0.0), kind(ef_search=50)
    segment = build(unlearned)
    assert segment.plan(10, None, Effort.DEFAULT) == Walk(UNLEARNED)
    segment.write(tmp_path / "segment")
    assert kind().read(tmp_path / "segment").plan(10, None, Effort.DEFAULT) == Walk(UNLEARNED), (
        "of an old file"
    )
    assert build(told).plan(10, None, Effort.DEFAULT) == Walk(50)
    for each in (unlearned, told):
        segment = build(each)
        before = segment.plan(10, None, Effort.DEFAULT)
        for _ in range(600):
            each.learn([segment], 10, Effort.DEFAULT, 0.5)
        assert segment.plan(10, None, Effort.DEFAULT) == before


@pytest.mark.parametrize("effort", [Effort.DEFAULT, Effort.ACCURATE])
def test_queries_that_find_too_little_widen_all_walks_of_a_collection(effort: Effort) -> None:
    # Easy ones: were its walk wide from the first, an accurate search would scan them all.
    vectors = np.pad(np.random.default_rng(1).standard_normal((14_000, 6)), ((0, 0), (0, DIMENSION - 6)))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    graphs = kind(accurate_ef_search=60)
    first, second = build(graphs, vectors), build(graphs, vectors[:10_000])
    before = [segment.width(effort) for segment in (first, second)]
    for _ in range(16):
        graphs.learn([first, second], 10, effort, 0.94)
    for segment, width in zip((first, second), before, strict=True):
        assert segment.width(effort) >= 1.9 * width
    assert build(kind(), vectors).width(Effort.DEFAULT) == first.calibrated, "and those of no other"


def test_only_walks_of_the_learned_width_are_learned_from() -> None:
    graphs = kind()
    segment, small = build(graphs), build(graphs, VECTORS[:1000])
    before = segment.width(Effort.DEFAULT)
    assert small.plan(10, None, Effort.DEFAULT) == Scan()
    for _ in range(600):
        graphs.learn([segment], before, Effort.DEFAULT, 0.5)  # a walk as wide as its k asks for
        graphs.learn([small], 10, Effort.DEFAULT, 0.5)
        graphs.learn([], 10, Effort.DEFAULT, 0.5)
    assert segment.width(Effort.DEFAULT) == before


def test_a_graph_that_learned_to_be_scanned_is_walked_again_when_queries_get_easier() -> None:
    graphs = kind()
    segment = build(graphs)
    for _ in range(200):
        graphs.learn([segment], 10, Effort.DEFAULT, 0.3)
    assert segment.plan(10, None, Effort.DEFAULT) == Scan()
    for _ in range(256 * 25):
        graphs.learn([segment], 10, Effort.DEFAULT, 1.0)
    assert isinstance(segment.plan(10, None, Effort.DEFAULT), Walk)
