"""Encoders as transformers has them, on any device, each pass over a batch that is padded on the right."""

from typing import Any

import torch
from torch import Tensor

from textgen.models.encoder import Rows
from textgen.models.memory import out_of_memory_refused


class TorchEncoder:
    """Implements EncoderNetwork for every model that transformers loads."""

    pads = True

    def __init__(self, model: Any) -> None:
        self._model = model
        # RoBERTa-like models know one type only and would index past their table.
        self._typed = getattr(model.config, "type_vocab_size", 0) > 1

    def states(self, rows: Rows) -> list[Tensor]:
        """Last hidden states of each row, (tokens, width) float32."""
        states = self._forward(rows).last_hidden_state.float()  # (rows, longest, width)
        return [each[: len(row)] for each, row in zip(states, rows, strict=True)]

    def labels(self, rows: Rows, types: Rows) -> Tensor:
        """Logits (rows, labels)."""
        logits: Tensor = self._forward(rows, **({"token_type_ids": types} if self._typed else {})).logits
        return logits.float()

    def predictions(self, rows: Rows, places: Rows) -> list[Tensor]:
        """Logits (places, vocabulary) of each row."""
        logits = self._forward(rows).logits  # (rows, longest, vocabulary)
        return [each[list(wanted)].float() for each, wanted in zip(logits, places, strict=True)]

    @torch.inference_mode()
    def _forward(self, rows: Rows, **more: Rows) -> Any:
        width = max(map(len, rows))

        def padded(each: Rows) -> Tensor:
            filled = [[*row, *[0] * (width - len(row))] for row in each]
            return torch.tensor(filled, device=self._model.device)

        mask = padded([[1] * len(row) for row in rows])
        extra = {name: padded(each) for name, each in more.items()}
        with out_of_memory_refused():
            return self._model(input_ids=padded(rows), attention_mask=mask, **extra)
