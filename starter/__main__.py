"""Retrains the starter models from nothing: `python -m starter` at the repository's root.

Interrupted, it goes on from its last checkpoint in `starter/.work` (`--fresh` forgets it).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from starter import folder
from starter.image import stages
from starter.seq2seq import batching as seq2seq_batching
from starter.seq2seq import tokenizer as seq2seq_tokenizer
from starter.seq2seq import train as seq2seq_training
from starter.text import scaling, tokenizer, train

HERE = Path(__file__).parent
PARTS = ("image", "seq2seq", "text", "scaling")


def train_text(work: Path, out: Path, seed: int) -> None:
    """Vocabulary and language model, into `out`."""
    # The vocabulary depends on the seed alone, so a resumed run makes the same one again.
    vocabulary = tokenizer.train(train.corpus(seed))
    folder.save(train.train(work, vocabulary, seed=seed), vocabulary, out)


def train_seq2seq(work: Path, out: Path, seed: int) -> None:
    """Vocabulary and encoder-decoder, into `out`."""
    vocabulary = seq2seq_tokenizer.train(seq2seq_batching.corpus(seed))
    folder.save(seq2seq_training.train(work, vocabulary, seed=seed), vocabulary, out)


def main() -> None:
    """Train what is asked for and write the weights beside their recipes."""
    parser = argparse.ArgumentParser(prog="python -m starter", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=HERE / ".work", help="where checkpoints are kept")
    parser.add_argument("--fresh", action="store_true", help="forget the checkpoints first")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    if "image" in parts:
        stages.run_all(stages.Run(options.work, seed=options.seed))
    if "seq2seq" in parts:
        train_seq2seq(options.work, HERE / "seq2seq" / "model", options.seed)
    if "text" in parts:
        train_text(options.work, HERE / "text" / "model", options.seed)
    if "scaling" in parts:
        scaling.run_all(options.work, options.seed)


if __name__ == "__main__":
    main()
