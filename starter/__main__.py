"""Retrains the starter models from nothing, two parts at a time: `python -m starter` at the repository's root.

Interrupted, it goes on from its last checkpoint in `starter/.work` (`--fresh` forgets it).
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from starter import folder
from starter.image import stages
from starter.seq2seq import batching as seq2seq_batching
from starter.seq2seq import tokenizer as seq2seq_tokenizer
from starter.seq2seq import train as seq2seq_training
from starter.text import scaling, tokenizer, train

HERE = Path(__file__).parent


def train_image(work: Path, seed: int) -> None:
    """Every stage of the image models."""
    stages.run_all(stages.Run(work, seed=seed))


def train_text(work: Path, seed: int) -> None:
    """Vocabulary and language model."""
    # The vocabulary depends on the seed alone, so a resumed run makes the same one again.
    vocabulary = tokenizer.train(train.corpus(seed))
    folder.save(train.train(work, vocabulary, seed=seed), vocabulary, HERE / "text" / "model")


def train_seq2seq(work: Path, seed: int) -> None:
    """Vocabulary and encoder-decoder."""
    vocabulary = seq2seq_tokenizer.train(seq2seq_batching.corpus(seed))
    folder.save(seq2seq_training.train(work, vocabulary, seed=seed), vocabulary, HERE / "seq2seq" / "model")


# The longest first.
PARTS: dict[str, Callable[[Path, int], None]] = {
    "image": train_image,
    "scaling": scaling.run_all,
    "text": train_text,
    "seq2seq": train_seq2seq,
}


def begin(threads: int) -> None:
    """Prepare a process that trains."""
    torch.set_num_threads(threads)
    os.environ["TERM"] = "dumb"  # two progress bars would overwrite one another


def main() -> None:
    """Train what is asked for and write the weights beside their recipes."""
    parser = argparse.ArgumentParser(prog="python -m starter", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="parts trained side by side")
    parser.add_argument("--threads", type=int, default=1, help="of each part")
    parser.add_argument("--work", type=Path, default=HERE / ".work", help="where checkpoints are kept")
    parser.add_argument("--fresh", action="store_true", help="forget the checkpoints first")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    context = get_context("spawn")
    with ProcessPoolExecutor(options.jobs, context, begin, (options.threads,)) as pool:
        running = [
            pool.submit(part, options.work, options.seed)
            for name, part in PARTS.items()
            if name in (options.parts or PARTS)
        ]
        for job in running:
            job.result()


if __name__ == "__main__":
    main()
