"""A decoder of a billion parameters on a GPU: ours beside transformers, and how much of the memory's rate it uses."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.own_engine import MODEL, limits_of
from benchmarks.peers.protocol import measure as measured
from benchmarks.report import Ratio, Report
from benchmarks.text import engines, model
from benchmarks.text.engines import ROOT, Peer
from benchmarks.text.ratios import IN_PROCESS, OURS, TRANSFORMERS, WHOLE
from benchmarks.text.served import GATHERED_MS, served

FOLDER = ROOT / "out/benchmarks/llama-1b/weights"
# Of Llama 3.2 1B: 1.24 billion parameters, the embedding shared with the head.
SHAPE = {
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
STREAMS = (1, 8, 64, 256)
PEERS = (
    Peer(IN_PROCESS, "own_engine"),
    Peer(TRANSFORMERS[0], "transformers_static"),
    Peer(TRANSFORMERS[1], "transformers_continuous"),
)
COPIED, COPIES = 2**31, 10  # bytes of a copy on the device, which reads and writes them; how often


def measure(arguments: Sequence[str]) -> Report:
    """Rows by engine and streams, the device, ratios; `arguments` are those of `--help`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks text-gpu")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(arguments)
    told = ("--device", "cuda", "--repeats", str(asked.repeats), "--streams", *map(str, asked.streams))
    report, folder = Report("text-gpu"), model.ensure(FOLDER, SHAPE)
    report.rows.append(device_row(folder))
    for peer in PEERS:
        report.rows += engines.rows(peer, "generate", _tell, "--model", str(folder), *told)
    for name, gathered_ms in ((OURS, 0), (OURS + WHOLE, GATHERED_MS)):
        _tell(name)
        report.rows += _served(name, folder, asked.streams, asked.repeats, gathered_ms)
    for row in report.rows:  # of a random network in bfloat16 they tell little
        row.pop("first_tokens", None)
    report.ratios = ratios(report.rows)
    return report


def device_row(folder: Path) -> dict[str, Any]:
    """The GPU, the rate at which it copies, and the bytes of the weights: a token reads each once."""
    source = torch.empty(COPIED, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    begin = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    target.copy_(source)
    begin.record()
    for _ in range(COPIES):
        target.copy_(source)
    end.record()
    end.synchronize()
    return {
        "operation": "device",
        "device": torch.cuda.get_device_name(),
        "copied_gb_per_s": round(2 * COPIED * COPIES / begin.elapsed_time(end) / 1e6),
        "weights_gb": round(sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e9, 2),
    }


def ratios(rows: Sequence[Mapping[str, Any]]) -> dict[str, Ratio]:
    """Ours to transformers' in tokens a second; of the memory's rate, what one stream uses."""
    rates = {(row["engine"], row["streams"]): row["tokens_per_s"] for row in rows if "streams" in row}
    found = {}
    for (engine, streams), rate in rates.items():
        for ours, label in ((OURS, "grpc"), (IN_PROCESS, "in_process")) if engine in TRANSFORMERS else ():
            if (ours, streams) in rates:
                name = f"{label}_{streams}_to_{engine.replace(' ', '_')}"
                found[name] = Ratio(round(rates[ours, streams] / rate, 2), 1.0, "higher")
        if engine == IN_PROCESS and (OURS + WHOLE, streams) in rates:
            value = rates[OURS + WHOLE, streams] / rate
            found[f"grpc_whole_{streams}_to_in_process"] = Ratio(round(value, 2), 0.97, "higher")
    for row in rows:
        if row["operation"] == "device" and (IN_PROCESS, 1) in rates:
            value = rates[IN_PROCESS, 1] * row["weights_gb"] / row["copied_gb_per_s"]
            found["1_weights_read_to_copy_rate"] = Ratio(round(value, 3), None, "higher")
    return found


def _served(
    name: str, folder: Path, streams: Sequence[int], repeats: int, gathered_ms: int
) -> Iterator[dict[str, Any]]:
    limits = limits_of(streams, "cuda")
    with (
        tempfile.TemporaryDirectory() as scratch,
        served(Path(scratch), f"{MODEL}={folder}", device="cuda", **limits) as server,
    ):
        for count in streams:
            found = measured(
                lambda asked, tokens: server.batch(asked, tokens, gathered_ms), count, repeats=repeats
            )
            yield {"engine": name, "operation": "generate", **found}


def _tell(what: str) -> None:
    sys.stderr.write(f"text-gpu: {what}\n")
