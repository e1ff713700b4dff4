"""Decoders as transformers has them, on any device: only their attention is ours, and keeps its keys in blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from textgen.models.block_cache import BlockCache, Cached
from textgen.models.checkpoint import ModelLoadError
from textgen.models.lora import adapters_of
from textgen.models.lora_files import Pairs
from textgen.models.paged_attention import NAME, Attention, Probe, Uncached
from textgen.models.sampling import summarise
from textgen.scheduler import Span


class TorchNetwork:
    """Implements Network for every decoder whose layers all attend, with a window or without."""

    def __init__(
        self, model: Any, *, blocks: int, linears: Mapping[str, tuple[int, int]] | None = None
    ) -> None:
        """linears: the layers that look for adapters, as `lora.install` names them.

        ModelLoadError when a layer keeps anything but keys and values.
        """
        self._model = model
        self._device: torch.device = model.device
        kind = type(model).__name__
        try:
            model.set_attn_implementation(NAME)
            probe = Probe()
            self._forward([0], [0], probe, [0])
        except (ValueError, TypeError, KeyError) as error:
            raise ModelLoadError(f"{kind} does not let its attention be replaced: {error}") from error
        self.linears = linears or {}
        layers = model.config.get_text_config().num_hidden_layers
        if [layer for layer, _ in probe.shapes] != list(range(layers)):
            raise ModelLoadError(f"{kind} has layers that keep no keys and values of their own")
        self._cache = BlockCache([shape for _, shape in probe.shapes], blocks, model.dtype, self._device)

    def compute(self, spans: Sequence[Span], wanted: Sequence[int]) -> Tensor:
        """Logits after the wanted places of the spans' tokens."""
        lengths = [len(span.tokens) for span in spans]
        starts = [span.start for span in spans]
        attention = self._attention([span.blocks for span in spans], starts, lengths)
        places = [
            place
            for start, length in zip(starts, lengths, strict=True)
            for place in range(start, start + length)
        ]
        with adapters_of(spans, self._device):
            return self._forward(
                [token for span in spans for token in span.tokens], places, attention, wanted
            )

    def compute_alone(self, rows: Sequence[Sequence[int]], wanted: Sequence[int]) -> Tensor:
        """Logits after the wanted places of the rows' tokens, without the cache."""
        tokens = [token for row in rows for token in row]
        places = [place for row in rows for place in range(len(row))]
        return self._forward(tokens, places, Uncached([len(row) for row in rows]), wanted)

    def adapted(self, pairs: Pairs) -> Pairs:
        """The matrices on the device; OutOfMemoryError when it has no room for them."""
        return {name: (down.to(self._device), up.to(self._device)) for name, (down, up) in pairs.items()}

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, from and to."""
        self._cache.copy(blocks)

    def summarise(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Of each row of logits: the likeliest token, and log(sum(exp))."""
        return summarise(logits)

    def renewed(self) -> "TorchNetwork":
        """The same weights, another cache."""
        return TorchNetwork(self._model, blocks=self._cache.blocks, linears=self.linears)

    def _attention(
        self, tables: Sequence[Sequence[int]], starts: Sequence[int], lengths: Sequence[int]
    ) -> Attention:
        return Cached(self._cache, tables, starts, lengths, self._device)

    @torch.inference_mode()
    def _forward(
        self, tokens: Sequence[int], places: Sequence[int], attention: Attention, wanted: Sequence[int]
    ) -> Tensor:
        output = self._model(
            input_ids=torch.tensor([tokens], device=self._device),
            position_ids=torch.tensor([places], device=self._device),
            use_cache=False,
            logits_to_keep=torch.tensor(wanted, dtype=torch.long, device=self._device),
            paged=attention,
        )
        logits: Tensor = output.logits[0]
        return logits
