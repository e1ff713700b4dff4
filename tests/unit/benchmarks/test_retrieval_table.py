from typing import Any

from benchmarks.retrieval.engines import ECHO, OURS, REFERENCES
from benchmarks.retrieval.table import markdown


def searched(engine: str, rate: float, **load: Any) -> dict[str, Any]:
    return {
        "engine": engine,
        "operation": "search",
        "queries_per_s": rate,
        "p50_ms": 1.25,
        "p99_ms": 3.0,
        **load,
    }


def test_a_page_tells_rounds_as_one_and_leaves_out_who_is_absent() -> None:
    page = markdown(
        {
            "command": "python -m benchmarks retrieval",
            "machine": {"cpu": "some", "cores": 2, "memory_gib": 24},
            "versions": {"torch": "2", "grpcio": "1", "faiss-cpu": "1"},
            "rows": [
                {
                    "operation": "setting",
                    "vectors": 100_000,
                    "texts": 18_000,
                    "queries": 2000,
                    "index": "hnsw",
                },
                {"engine": OURS, "operation": "ingest", "vectors_per_s": 5000.4, "bytes_per_vector": 1800.0},
                *(searched(OURS, rate, clients=16) for rate in (1000.0, 1400.0, 1200.0)),
                searched(ECHO, 3000.0, clients=1),
                {**searched(OURS, 5000.0, clients=16), "operation": f"search{REFERENCES}"},
                {**searched(OURS, 7000.0, batch=32), "operation": f"batch_search{REFERENCES}"},
                {**searched(OURS, 300.0, recall=0.98), "operation": "recall", "effort": "accurate"},
                {
                    **searched(OURS, 400.0, recall=0.97),
                    "operation": "recall",
                    "effort": "default",
                    "audited": True,
                },
                searched("raw", 9000.0, batch=32, recall=0.96),
                {**searched("slow", 90.0, batch=256), "p50_ms": 2738.9},
                {
                    "engine": OURS,
                    "operation": "filtered",
                    "share": 0.01,
                    "full_k": 1.0,
                    "recall": 0.99,
                    "p50_ms": 2.0,
                },
                {"engine": "other", "operation": "search", "absent": "not installed"},
            ],
            "ratios": {},
        }
    )
    assert f"| {OURS} | 16 clients | 1,200 | 1.25 | 3 | – |" in page
    assert f"| {ECHO} | one client | 3,000 |" in page
    assert f"| {OURS} | 16 clients, ids and scores | 5,000 |" in page
    assert f"| {OURS} | 32 a call, ids and scores | 7,000 |" in page
    assert "| raw | 32 a call | 9,000 | 1.25 | 3 | 0.96 |" in page
    assert f"| {OURS} | 16 clients, effort accurate | 300 | 1.25 | 3 | 0.98 |" in page
    assert f"| {OURS} | 16 clients, effort default, audited | 400 | 1.25 | 3 | 0.97 |" in page
    assert "| slow | 256 a call | 90 | 2,739 |" in page
    assert "| 1 % | 1.000 | 0.990 | 2 |" in page
    assert f"| {OURS} | 5,000 | 1,800 |" in page
    assert "other is absent: not installed." in page
