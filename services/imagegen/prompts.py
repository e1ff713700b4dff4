"""Conditions of prompts, least recently used out first. Each prompt is encoded by itself."""

from collections import OrderedDict

from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import Condition, DiffusionModel
from imagegen.models.lora import current_loras


class PromptCache:
    """Conditions by (model id, text, whether it is negative) and the LoRA adapters under which they came about.

    Used by the device thread alone.
    """

    def __init__(self, capacity: int, metrics: ImagegenMetrics) -> None:
        """Keeps up to `capacity` conditions, at least 1."""
        self._capacity = max(1, capacity)
        self._metrics = metrics
        self._entries: OrderedDict[tuple[object, ...], Condition] = OrderedDict()

    def embed(self, model: DiffusionModel, text: str, *, negative: bool = False) -> Condition:
        """The condition that `text` is under `model`, as a prompt or as a negative one."""
        key = (model.description.id, text, negative, *(lora.key for lora in current_loras()))
        self._metrics.prompt_cache_queries_total.inc()
        found = self._entries.get(key)
        if found is not None:
            self._metrics.prompt_cache_hits_total.inc()
            self._entries.move_to_end(key)
            return found
        condition = model.encode_negative_prompt(text) if negative else model.encode_prompt(text)
        self._entries[key] = condition
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return condition
