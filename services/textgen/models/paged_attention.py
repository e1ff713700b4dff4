"""Attention over blocks of keys and values, as an attention function that transformers' decoders call.

A pass has the tokens of several sequences behind each other in one row: (1, tokens). What a layer attends to is
the matter of the object that is passed through the model as `paged`: so no sequence is padded, and none sees another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import AttentionInterface

NAME = "quadrille_paged"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a layer attends: scale of the scores, a window in tokens, a cap of the scores, a sink for each head."""

    scale: float
    window: int | None = None
    softcap: float | None = None
    sinks: Tensor | None = None  # (heads,)


class Attention(Protocol):
    """What a pass attends with."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rules: Rules) -> Tensor:
        """Query (tokens, heads, width), key and value (tokens, key-value heads, width); (tokens, heads, width)."""
        ...


def _forward(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    paged: Attention,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    # query (1, heads, tokens, width) -> (1, tokens, heads, width)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    rules = Rules(scale, sliding_window, softcap, s_aux)
    query, key, value = (states[0].transpose(0, 1) for states in (query, key, value))
    return paged.attend(module.layer_idx, query, key, value, rules)[None], None


AttentionInterface.register(NAME, _forward)


def attention_of(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, rules: Rules) -> Tensor:
    """Attention of rows of sequences; mask True where a query may look.

    query (rows, queries, heads, width), key and value (rows, keys, key-value heads, width), mask (rows, queries,
    keys); returns (rows, queries, heads, width of values).
    """
    rows, queries, heads, width = query.shape
    shared = key.shape[2]
    grouped = query.view(rows, queries, shared, heads // shared, width).permute(0, 2, 3, 1, 4)
    scores = (
        grouped.reshape(rows, shared, -1, width) @ key.permute(0, 2, 3, 1)
    ).float() * rules.scale  # (rows, shared, group x queries, keys)
    scores = scores.view(rows, shared, heads // shared, queries, -1)
    if rules.softcap is not None:
        scores = rules.softcap * torch.tanh(scores / rules.softcap)
    scores = scores.masked_fill(~mask[:, None, None], float("-inf"))
    if rules.sinks is not None:
        sinks = rules.sinks.float().view(1, shared, -1, 1, 1).expand(rows, -1, -1, queries, 1)
        scores = torch.cat([scores, sinks], dim=-1).softmax(-1)[..., :-1]
    else:
        scores = scores.softmax(-1)
    mixed = scores.to(value.dtype).flatten(2, 3) @ value.permute(0, 2, 1, 3)
    return mixed.view(rows, shared, heads // shared, queries, -1).permute(0, 3, 1, 2, 4).flatten(2, 3)


def causal_mask(starts: Tensor, queries: int, keys: int, window: int | None) -> Tensor:
    """(rows, queries, keys): the key is not after the query, which is at its start (rows,) plus its place."""
    at = starts[:, None] + torch.arange(queries, device=starts.device)
    distance = at[:, :, None] - torch.arange(keys, device=starts.device)
    return (distance >= 0) if window is None else (distance >= 0) & (distance < window)


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a layer's cache: key-value heads, width of a key, width of a value."""

    heads: int
    key_width: int
    value_width: int


class Probe:
    """Attends to nothing, and notes what each layer would have cached."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, Shape]] = []

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rules: Rules) -> Tensor:
        """Zeros."""
        self.shapes.append((layer, Shape(key.shape[1], key.shape[2], value.shape[2])))
        return torch.zeros(*query.shape[:2], value.shape[2], dtype=query.dtype, device=query.device)


class Uncached:
    """Sequences that are computed whole, and kept by nobody."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = list(lengths)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, rules: Rules) -> Tensor:
        """Attention of each sequence to itself."""
        mixed = []
        start = torch.zeros(1, dtype=torch.long, device=query.device)
        parts = (torch.split(states, self._lengths) for states in (query, key, value))
        for q, k, v in zip(*parts, strict=True):
            mask = causal_mask(start, len(q), len(q), rules.window)
            mixed.append(attention_of(q[None], k[None], v[None], mask, rules)[0])
        return torch.cat(mixed)
