"""Llama-shaped decoders on a CPU, in bfloat16, a whole step in one call of the kernels in `textgen.native`."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from serving.loras import Adapter
from torch import Tensor

from textgen.kv_blocks import BLOCK_TOKENS
from textgen.models.lora import linears_of
from textgen.models.lora_files import Pairs
from textgen.models.memory import release
from textgen.native.build import load
from textgen.scheduler import Span

# Architectures of one shape: norms before attention and a gated feed-forward, rotary positions over whole heads.
_KINDS = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_FIXED_ROTATIONS = frozenset(
    {"default", "linear", "llama3", "yarn"}
)  # angles that do not depend on the length
_LANES = 16
# The layers whose weights are multiplied with as one, in the order in which the kernels number their products.
_FUSED = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}


def unfit(model: Any) -> str | None:
    """A reason why the kernels can't compute a model here, or None; builds them when there is none."""
    config = model.config
    if model.device.type != "cpu" or model.dtype != torch.bfloat16:
        return f"they compute bfloat16 on a CPU, not {model.dtype} on {model.device.type}"
    if config.model_type not in _KINDS:
        return f"{type(model).__name__} is not of the shape that they know"
    if config.hidden_act != "silu" or _head_width(model) % _LANES:
        return "its activation, or the width of its heads, is none that they know"
    if (kind := model.model.rotary_emb.rope_type) not in _FIXED_ROTATIONS:
        return f"its positions are of the kind {kind}"
    return load("decoder")


class NativeNetwork:
    """Implements Network. The model's own weights are not needed once they are packed."""

    def __init__(self, model: Any, *, blocks: int, int8: bool = False, consume: bool = False) -> None:
        """int8 computes products of weights and activations in 8 bits, with a scale for each row of either.

        To consume a model is to let go of each weight once it is packed, so that never all are there twice.
        """
        config, self._width, self._blocks = model.config, _head_width(model), blocks
        self.linears = linears_of(model)
        shared = config.num_key_value_heads
        embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        shares = embedding is head and not int8
        with torch.inference_mode():
            cosines, sines = _angles(model, blocks * BLOCK_TOKENS)
            self._decoder = torch.classes.quadrille.Decoder(
                None if shares else embedding.clone(),  # so that the file it may be mapped to can go
                head,
                model.model.norm.weight,
                cosines,
                sines,
                config.num_attention_heads,
                shared,
                self._width,
                config.rms_norm_eps,
                int8,
            )
            for layer in model.model.layers:
                self._decoder.add_layer(_weights(layer), _window(layer, config))
                if consume:
                    release(layer)
        if consume:
            release(model)
        self._shape = (len(model.model.layers), shared * BLOCK_TOKENS * self._width)
        self._keys, self._values = self._cache(blocks), self._cache(blocks)

    def compute(self, spans: Sequence[Span], wanted: Sequence[int]) -> Tensor:
        """Logits after the wanted places of the spans' tokens, float32."""
        tables = [span.blocks for span in spans]
        tokens = [token for span in spans for token in span.tokens]
        lengths = [len(span.tokens) for span in spans]
        starts, adapters = [span.start for span in spans], [span.adapter for span in spans]
        return self._step(tokens, tables, starts, lengths, wanted, self._keys, self._values, adapters)

    def adapted(self, pairs: Pairs) -> Any:
        """The matrices, packed for the kernels."""
        adapter = torch.classes.quadrille.Adapter(self._shape[0])
        for layer in range(self._shape[0]):
            for product, parts in enumerate(_FUSED.values()):
                first = 0
                for part in parts:
                    name = f"model.layers.{layer}.{part}"
                    if name in pairs:
                        adapter.add(layer, product, *pairs[name], first)
                    first += self.linears[name][1]
        return adapter

    def compute_alone(self, rows: Sequence[Sequence[int]], wanted: Sequence[int]) -> Tensor:
        """Logits after the wanted places of the rows' tokens, over a cache that is thrown away."""
        counts = [-(-len(row) // BLOCK_TOKENS) for row in rows]
        ends = np.cumsum(counts).tolist()
        tables = [range(end - count, end) for end, count in zip(ends, counts, strict=True)]
        tokens = [token for row in rows for token in row]
        cache = self._cache(ends[-1]), self._cache(ends[-1])
        lengths = [len(row) for row in rows]
        return self._step(tokens, tables, [0] * len(rows), lengths, wanted, *cache, [None] * len(rows))

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, from and to."""
        origins, places = (torch.tensor(column) for column in zip(*blocks, strict=True))
        for tensor in (*self._keys, *self._values):
            tensor[places] = tensor[origins]

    def summarise(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Of each row of logits: the likeliest token, and log(sum(exp)), not finite where the row is not sound."""
        likeliest, sums = torch.ops.quadrille.summarise(logits)
        return likeliest, sums

    def renewed(self) -> "NativeNetwork":
        """The same weights, another cache and other memory to compute in: a stuck step may still write to these."""
        other = copy.copy(self)
        other._decoder = self._decoder.renewed()
        other._keys, other._values = self._cache(self._blocks), self._cache(self._blocks)
        return other

    def _cache(self, blocks: int) -> list[Tensor]:
        """A tensor of (blocks, numbers of a block) for each layer; its memory is only taken once it is used."""
        layers, numbers = self._shape
        zeros = np.zeros((layers, blocks, numbers), dtype=np.uint16)  # in one piece, for large pages
        return list(torch.from_numpy(zeros).view(torch.bfloat16))

    def _step(
        self,
        tokens: Sequence[int],
        tables: Sequence[Sequence[int]],
        starts: Sequence[int],
        lengths: Sequence[int],
        wanted: Sequence[int],
        keys: list[Tensor],
        values: list[Tensor],
        adapters: Sequence[Adapter | None],
    ) -> Tensor:
        table = np.zeros((len(tables), max(map(len, tables))), dtype=np.int32)
        for row, blocks in enumerate(tables):
            table[row, : len(blocks)] = blocks
        used = {each: place for place, each in enumerate(dict.fromkeys(filter(None, adapters)))}
        logits: Tensor = self._decoder.step(
            _numbers(tokens),
            torch.from_numpy(table),
            _numbers(starts),
            _numbers(lengths),
            _numbers(wanted),
            keys,
            values,
            [each.weights for each in used],
            _numbers([-1 if each is None else used[each] for each in adapters]),
        )
        return logits


def _numbers(values: Sequence[int]) -> Tensor:
    """As int64, by way of numpy: that takes a third of the time."""
    return torch.from_numpy(np.array(values, dtype=np.int64))


def _head_width(model: Any) -> int:
    return int(model.model.layers[0].self_attn.head_dim)


def _angles(model: Any, most: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the positions, each (positions, width of a head) float32."""
    positions = torch.arange(min(most, model.config.max_position_embeddings))[None]
    cosines, sines = model.model.rotary_emb(torch.zeros(1, dtype=torch.float32), positions)
    return cosines[0], sines[0]


def _window(layer: Any, config: Any) -> int:
    window = getattr(layer.self_attn, "sliding_window", getattr(config, "sliding_window", None))
    return 0 if window is None else int(window)


def _weights(layer: Any) -> dict[str, Tensor]:
    found = {
        "attention_norm": layer.input_layernorm.weight,
        "feed_norm": layer.post_attention_layernorm.weight,
    }
    for name, names in _FUSED.items():
        parts = [layer.get_submodule(part) for part in names]
        found[name] = torch.cat([part.weight for part in parts])
        if parts[0].bias is not None:
            found[f"{name}_bias"] = torch.cat([part.bias for part in parts])
    for name in ("q_norm", "k_norm"):
        if (norm := getattr(layer.self_attn, name, None)) is not None:
            found["query_norm" if name == "q_norm" else "key_norm"] = norm.weight
    return {name: weight.detach() for name, weight in found.items()}
