"""Prompt embeddings, least recently used out first. Each prompt is encoded by itself."""

from collections import OrderedDict

import torch

from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel


class PromptCache:
    """Embeddings by (model id, text). Used by the device thread alone."""

    def __init__(self, capacity: int, metrics: ImagegenMetrics) -> None:
        """Keeps up to `capacity` embeddings, at least 1."""
        self._capacity = max(1, capacity)
        self._metrics = metrics
        self._entries: OrderedDict[tuple[str, str], torch.Tensor] = OrderedDict()

    def embed(self, model: DiffusionModel, text: str) -> torch.Tensor:
        """Embedding [tokens, width] of `text` under `model`."""
        key = (model.description.id, text)
        self._metrics.prompt_cache_queries_total.inc()
        found = self._entries.get(key)
        if found is not None:
            self._metrics.prompt_cache_hits_total.inc()
            self._entries.move_to_end(key)
            return found
        embedding = model.encode_prompt(text)
        self._entries[key] = embedding
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return embedding
