"""Text encoders and their tokenizers, where a model has several."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class TextTower:
    """A tokenizer and its encoder."""

    tokenizer: Any
    encoder: Any

    def tokens(self, text: str, length: int) -> torch.Tensor:
        """Ids [1, length] on the encoder's device, padded and cut off: every prompt has as many."""
        tokens = self.tokenizer(
            text, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        ids: torch.Tensor = tokens.input_ids
        return ids.to(self.encoder.device)


def clip_tokens(*clips: TextTower) -> int:
    """Tokens of a prompt for CLIP encoders that share them: the pipelines pad as the first tokenizer says."""
    positions = (int(clip.encoder.config.max_position_embeddings) for clip in clips)
    return min(int(clips[0].tokenizer.model_max_length), *positions)
