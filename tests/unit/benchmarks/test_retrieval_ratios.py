import pytest

from benchmarks.retrieval.engines import ECHO, OURS, RAW, REFERENCES
from benchmarks.retrieval.ratios import ratios


def search(engine, clients, rate, p50, kind=""):
    operation = ("echo" if engine == ECHO else "search") + kind
    return {
        "engine": engine,
        "operation": operation,
        "clients": clients,
        "queries_per_s": rate,
        "p50_ms": p50,
    }


def store(engine, batch, rate, p50=1.0):
    return {"engine": engine, "operation": "search", "batch": batch, "queries_per_s": rate, "p50_ms": p50}


def value(found, name):
    return found[name].value


def test_a_round_is_compared_with_its_neighbour():
    rows = [
        *(search(ECHO, 16, rate, 4.0) for rate in (4000.0, 2000.0, 4000.0)),
        *(search(OURS, 16, rate, 5.0) for rate in (3000.0, 1600.0, 3200.0)),
    ]
    found = ratios(rows)
    assert value(found, "calls_16_to_echo") == 0.8
    assert (found["calls_16_to_echo"].goal, found["calls_16_to_echo"].better) == (0.75, "higher")
    assert "single_p50_excess_to_half_a_ms" not in found


def test_a_single_query_is_compared_with_echo_and_raw_search_together():
    rows = [search(ECHO, 1, 1.0, 0.6), search(OURS, 1, 1.0, 1.0), store(RAW, 1, 1.0, 0.1)]
    assert value(ratios(rows), "single_p50_excess_to_half_a_ms") == pytest.approx((1.0 - 0.6 - 0.1) / 0.5)
    assert ratios(rows)["single_p50_excess_to_half_a_ms"].better == "lower"
    assert ratios(rows[:2]) == {}


def test_batches_are_compared_with_raw_faiss_and_with_the_best_store():
    ours = {"engine": OURS, "operation": "batch_search", "batch": 32, "queries_per_s": 9000.0}
    rows = [ours, store(RAW, 32, 10_000.0), store("a", 32, 4500.0), store("b", 32, 6000.0)]
    others = [store("hnswlib", 32, 9500.0), {"engine": "c", "operation": "search", "absent": "it is missing"}]
    found = ratios([*rows, *others])
    assert value(found, "batch_32_to_raw_faiss") == 0.9
    assert value(found, "batch_32_to_best_store") == 1.5
    assert not [name for name in found if "256" in name]


def test_ids_and_scores_are_compared_with_their_own_echo_and_with_what_stores_return():
    passages = [search(ECHO, 16, 4000.0, 4.0), search(OURS, 16, 1000.0, 5.0), search(OURS, 1, 1.0, 9.0)]
    batch = {"engine": OURS, "operation": "batch_search", "batch": 256, "queries_per_s": 1000.0}
    rows = [
        *passages,
        search(ECHO, 16, 5000.0, 4.0, REFERENCES),
        search(OURS, 16, 4000.0, 5.0, REFERENCES),
        search(ECHO, 1, 1.0, 0.6, REFERENCES),
        search(OURS, 1, 1.0, 1.0, REFERENCES),
        store(RAW, 1, 1.0, 0.1),
        batch,
        {**batch, "operation": f"batch_search{REFERENCES}", "queries_per_s": 9000.0},
        store(RAW, 256, 10_000.0),
        store("a", 256, 4500.0),
    ]
    found = ratios(rows)
    assert (value(found, "calls_16_to_echo"), value(found, "calls_16_references_to_echo")) == (0.25, 0.8)
    assert value(found, "single_p50_references_excess_to_half_a_ms") == pytest.approx(0.6)
    assert (value(found, "batch_256_to_raw_faiss"), value(found, "batch_256_to_best_store")) == (0.1, 0.222)
    assert value(found, "batch_256_references_to_raw_faiss") == 0.9
    assert value(found, "batch_256_references_to_best_store") == 2.0
    for name in [name for name in found if "references" in name]:
        same = ratios([*rows, search(ECHO, 1, 1.0, 0.6)])[name.replace(REFERENCES, "")]
        assert (found[name].goal, found[name].better) == (same.goal, same.better)


def test_ingest_and_memory():
    rows = [
        {"engine": OURS, "operation": "ingest", "vectors_per_s": 2000.0, "bytes_per_vector": 1792.0},
        {"engine": RAW, "operation": "ingest", "vectors_per_s": 9000.0, "bytes_per_vector": 1.0},
        {"engine": "a", "operation": "ingest", "vectors_per_s": 4000.0, "bytes_per_vector": 1.0},
    ]
    found = ratios(rows)
    assert value(found, "ingest_to_best_store") == 0.5
    assert value(found, "memory_to_vector_and_links") == 1.0


def test_filters_and_recall():
    rows = [
        {"engine": OURS, "operation": "filtered", "share": 0.001, "full_k": 1.0, "recall": 0.98},
        {"engine": OURS, "operation": "recall", "effort": "accurate", "recall": 0.998},
        {"engine": OURS, "operation": "recall", "effort": "accurate", "recall": 0.995, "audited": True},
    ]
    found = ratios(rows)
    assert value(found, "filter_0.1_percent_full_k") == 1.0
    assert (value(found, "filter_0.1_percent_recall"), found["filter_0.1_percent_recall"].goal) == (
        0.98,
        0.99,
    )
    assert value(found, "recall_accurate") == 0.995
