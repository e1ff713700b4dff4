"""What is retrained, and the process that it happens in."""

from __future__ import annotations

import os
from collections.abc import Callable
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
    """Prepare a process that works beside others."""
    torch.set_num_threads(threads)
    os.environ["TERM"] = "dumb"  # two progress bars would overwrite one another
