"""Encoders of transformers: embedding, reranking and mask filling, each a forward pass over a padded batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textgen.models.memory import out_of_memory_refused


def _forward(
    model: Any, rows: Sequence[Sequence[int]], **more: Sequence[Sequence[int]]
) -> tuple[Any, Tensor]:
    """Run a model over rows padded on the right; its output and the mask (rows, longest)."""
    width = max(len(row) for row in rows)

    def padded(each: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor([[*row, *[0] * (width - len(row))] for row in each], device=model.device)

    mask = padded([[1] * len(row) for row in rows])
    extra = {name: padded(each) for name, each in more.items()}
    with out_of_memory_refused():
        return model(input_ids=padded(rows), attention_mask=mask, **extra), mask


class TorchEmbedder:
    """Pools an encoder's last hidden states: their mean over the tokens, or the first token's."""

    def __init__(self, model: Any, *, pooling: str = "mean") -> None:
        self._model = model
        self._pooling = pooling

    @torch.inference_mode()
    def embed(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Vectors (rows, dimension), float32, not scaled."""
        output, mask = _forward(self._model, batch)
        states = output.last_hidden_state.float()  # (rows, tokens, dimension)
        if self._pooling == "cls":
            pooled = states[:, 0]
        else:
            weights = mask[:, :, None].float()
            pooled = (states * weights).sum(1) / weights.sum(1)
        vectors: NDArray[np.float32] = pooled.cpu().numpy()
        return vectors

    def rows(self, batch: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """The same, one vector (dimension,) a text."""
        return list(self.embed(batch))


class TorchReranker:
    """A cross-encoder: one label through a sigmoid, or the second of two through a softmax."""

    def __init__(self, model: Any) -> None:
        self._model = model
        # RoBERTa-like models know one type only and would index past their table.
        self._typed = getattr(model.config, "type_vocab_size", 0) > 1

    @torch.inference_mode()
    def rerank(self, batch: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """Relevance of each pair (ids, token type ids), between 0 and 1."""
        types = {"token_type_ids": [types for _, types in batch]} if self._typed else {}
        output, _ = _forward(self._model, [ids for ids, _ in batch], **types)
        logits = output.logits.float()  # (rows, labels)
        scores: list[float] = (
            logits[:, 0].sigmoid().tolist() if logits.shape[1] == 1 else logits.softmax(-1)[:, 1].tolist()
        )
        return scores


class TorchMaskFiller:
    """A masked language model."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @torch.inference_mode()
    def fill(
        self, items: Sequence[tuple[Sequence[int], Sequence[int], int]]
    ) -> list[list[list[tuple[int, float]]]]:
        """For each item and each of its masked places, the likeliest tokens with their probabilities."""
        output, _ = _forward(self._model, [ids for ids, _, _ in items])
        answers: list[list[list[tuple[int, float]]]] = []
        for logits, (_, places, count) in zip(output.logits, items, strict=True):
            masked = (
                logits[torch.tensor(places, device=logits.device)].float().softmax(-1)
            )  # (masks, vocabulary)
            values, ids = masked.topk(min(count, masked.shape[1]))
            answers.append(
                [
                    list(zip(row, best, strict=True))
                    for row, best in zip(ids.tolist(), values.tolist(), strict=True)
                ]
            )
        return answers
