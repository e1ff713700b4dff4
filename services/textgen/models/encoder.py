"""Embedding, reranking and mask filling: what a model's hidden states, or its own head, say of each text."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = Sequence[Sequence[int]]  # token ids of texts


class EncoderNetwork(Protocol):
    """A bidirectional model, whatever computes it. Overloaded when the device is out of memory."""

    @property
    def pads(self) -> bool:
        """Whether a batch costs its rows times the longest of them, rather than the tokens that it holds."""
        ...

    def states(self, rows: Rows) -> Sequence[Tensor]:
        """Last hidden states of each row, (tokens, width) float32."""
        ...

    def labels(self, rows: Rows, types: Rows) -> Tensor:
        """Logits (rows, labels) float32 of the classification head; types are token type ids."""
        ...

    def predictions(self, rows: Rows, places: Rows) -> Sequence[Tensor]:
        """Logits (places, vocabulary) float32 of the language model's head, at some places of each row."""
        ...


class TorchEmbedder:
    """Pools an encoder's last hidden states: their mean over the tokens, or the first token's."""

    def __init__(self, network: EncoderNetwork, *, pooling: str = "mean") -> None:
        self._network = network
        self._pooling = pooling

    @torch.inference_mode()
    def embed(self, batch: Rows) -> NDArray[np.float32]:
        """Vectors (rows, dimension), float32, not scaled."""
        states = self._network.states(batch)
        pooled = [row[0] if self._pooling == "cls" else row.mean(0) for row in states]
        vectors: NDArray[np.float32] = torch.stack(pooled).cpu().numpy()
        return vectors

    def rows(self, batch: Rows) -> list[NDArray[np.float32]]:
        """The same, one vector (dimension,) a text."""
        return list(self.embed(batch))


class TorchReranker:
    """A cross-encoder: one label through a sigmoid, or the second of two through a softmax."""

    def __init__(self, network: EncoderNetwork) -> None:
        self._network = network

    @torch.inference_mode()
    def rerank(self, batch: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """Relevance of each pair (ids, token type ids), between 0 and 1."""
        logits = self._network.labels([ids for ids, _ in batch], [types for _, types in batch])
        scores: list[float] = (
            logits[:, 0].sigmoid().tolist() if logits.shape[1] == 1 else logits.softmax(-1)[:, 1].tolist()
        )
        return scores


class TorchMaskFiller:
    """A masked language model."""

    def __init__(self, network: EncoderNetwork) -> None:
        self._network = network

    @torch.inference_mode()
    def fill(
        self, items: Sequence[tuple[Sequence[int], Sequence[int], int]]
    ) -> list[list[list[tuple[int, float]]]]:
        """For each item and each of its masked places, the likeliest tokens with their probabilities."""
        found = self._network.predictions([ids for ids, _, _ in items], [places for _, places, _ in items])
        answers: list[list[list[tuple[int, float]]]] = []
        for logits, (_, _, count) in zip(found, items, strict=True):
            values, ids = logits.softmax(-1).topk(min(count, logits.shape[1]))
            answers.append(
                [
                    list(zip(row, best, strict=True))
                    for row, best in zip(ids.tolist(), values.tolist(), strict=True)
                ]
            )
        return answers
