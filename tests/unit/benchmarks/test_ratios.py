import pytest

from benchmarks.text.ratios import IN_PROCESS, INT8, LLAMA, OPENVINO, OURS, VLLM, WHOLE, agreement, ratios

PEERS = {"sentence-transformers float32": 50.0, "sentence-transformers bfloat16": 80.0}


def row(engine, streams, rate, ttft=None, peak=500):
    return {
        "engine": engine,
        "operation": "generate",
        "streams": streams,
        "tokens_per_s": rate,
        "ttft_ms": ttft,
        "peak_mb": peak,
    }


def test_ours_is_divided_by_the_peer():
    rows = [
        row(OURS, 8, 300.0),
        row(OPENVINO, 8, 200.0),
        row(IN_PROCESS, 8, 400.0),
        row(OURS + WHOLE, 8, 380.0),
    ]
    found = ratios(rows)
    assert (found["bfloat16_8_to_openvino"].value, found["bfloat16_8_to_openvino"].goal) == (1.5, 1.1)
    assert found["grpc_8_to_in_process"].value == 0.75
    assert found["grpc_whole_8_to_in_process"].value == 0.95
    assert all(ratio.better == "higher" for ratio in found.values())


def test_what_is_absent_has_no_ratio():
    absent = {"engine": VLLM, "operation": "generate", "absent": ".venv-vllm is missing"}
    unembedded = {"engine": "sentence-transformers float32", "operation": "embed", "absent": "it failed"}
    embedded = {"engine": OURS, "operation": "embed", "texts_per_s": 90.0}
    assert ratios([row(INT8, 8, 300.0), row(OURS, 8, 250.0), absent, embedded, unembedded]) == {}


def test_first_tokens_are_compared_with_the_soonest_peer_that_streams():
    rows = [row(OURS, 8, 1, 50.0), row(OPENVINO, 8, 1, 100.0), row(LLAMA, 8, 1, 80.0), row(VLLM, 8, 1, None)]
    found = ratios(rows)["bfloat16_8_ttft_to_best_peer"]
    assert found.value == pytest.approx(0.62, abs=0.01) and found.better == "lower"


def test_memory_is_a_part_of_a_gigabyte():
    found = ratios([row(OURS, 8, 1, peak=700), row(OURS, 32, 1, peak=900)])[
        "bfloat16_32_peak_memory_to_1000_mb"
    ]
    assert found.value == 0.9 and found.better == "lower"


def test_the_prefix_and_the_better_embedder_count():
    prefix = {"operation": "prefix", "ttft_first_ms": 300.0, "ttft_second_ms": 40.0}
    rows = [{"engine": OURS, **prefix}, {"engine": INT8, **prefix, "ttft_second_ms": 1.0}]
    rows.append({"engine": OURS, "operation": "embed", "texts_per_s": 120.0})
    rows += [{"engine": name, "operation": "embed", "texts_per_s": rate} for name, rate in PEERS.items()]
    found = ratios(rows)
    assert found["prefix_512_ttft_first_to_second"].value == 7.5
    assert found["embed_to_sentence_transformers"].value == 1.5


def test_agreement_is_a_share():
    assert agreement([1, 2, 3, 4], [1, 2, 3, 5]) == 0.75
