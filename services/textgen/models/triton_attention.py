"""Attention over blocks of keys and values on a GPU: one kernel in Triton for prompts and for single tokens.

Blockwise softmax as in FlashAttention (Dao et al., NeurIPS 2022, arXiv:2205.14135), over the blocks that a table lists.
A tile is a few tokens of one sequence with all the heads that share a key; where there are few tiles, each is split
along the keys and its parts are merged afterwards (Flash-Decoding, Dao et al., 2023).
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from textgen.kv_blocks import BLOCK_TOKENS
from textgen.models.paged_attention import Rules
from textgen.models.tiles import Tiles

_ROWS = 16  # of a tile at least: what the GPU's matrix units take
_KEYS = 64  # that a tile looks at in a turn


def attend(query: Tensor, keys: Tensor, values: Tensor, tiles: Tiles, rules: Rules) -> Tensor:
    """Attention of query (tokens, heads, width) to blocks (blocks, BLOCK_TOKENS, shared heads, width).

    Returns (tokens, heads, width of values). NotImplementedError for sinks.
    """
    if rules.sinks is not None:
        raise NotImplementedError("attention in Triton has no sinks")
    count, heads, width = query.shape
    shared, value_width = keys.shape[2], values.shape[3]
    group = triton.next_power_of_2(heads // shared)
    splits, padded = tiles.splits, triton.next_power_of_2(value_width)
    mixed = torch.empty(count, heads, value_width, dtype=query.dtype, device=query.device)
    parts = torch.empty(count, heads, splits, padded + 2, dtype=torch.float32, device=query.device)
    _attend[(len(tiles.owners), shared, splits)](
        query.contiguous(),
        keys,
        values,
        mixed,
        parts,
        tiles.tables,
        tiles.starts,
        tiles.firsts,
        tiles.lengths,
        tiles.owners,
        tiles.offsets,
        tiles.tables.stride(0),
        rules.scale,
        rules.softcap or 0.0,
        WINDOW=rules.window or 0,
        HEADS=heads,
        SHARED=shared,
        GROUP=group,
        WIDTH=width,
        WIDTH_PADDED=triton.next_power_of_2(width),
        VALUE_WIDTH=value_width,
        VALUE_PADDED=padded,
        PAGE=BLOCK_TOKENS,
        TOKENS=max(tiles.tokens, -(-_ROWS // group)),
        OWNED=tiles.tokens,
        KEYS=_KEYS if width <= 128 and query.dtype != torch.float32 else _KEYS // 2,
        SPLITS=splits,
        PRECISION="ieee" if query.dtype == torch.float32 else "tf32",
    )
    if splits > 1:
        _merge[(count, heads)](
            parts, mixed, HEADS=heads, SPLITS=splits, WIDTH=value_width, WIDTH_PADDED=padded
        )
    return mixed


@triton.jit  # type: ignore[untyped-decorator]
def _attend(  # type: ignore[no-untyped-def]
    query,
    keys,
    values,
    mixed,
    parts,
    tables,
    starts,
    firsts,
    lengths,
    owners,
    offsets,
    table_stride,
    scale,
    softcap,
    WINDOW: tl.constexpr,
    HEADS: tl.constexpr,
    SHARED: tl.constexpr,
    GROUP: tl.constexpr,
    WIDTH: tl.constexpr,
    WIDTH_PADDED: tl.constexpr,
    VALUE_WIDTH: tl.constexpr,
    VALUE_PADDED: tl.constexpr,
    PAGE: tl.constexpr,
    TOKENS: tl.constexpr,
    OWNED: tl.constexpr,
    KEYS: tl.constexpr,
    SPLITS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    tile, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    owner, offset = tl.load(owners + tile), tl.load(offsets + tile)
    start, count = tl.load(starts + owner), tl.load(lengths + owner)
    row = tl.arange(0, TOKENS * GROUP)
    token, member = row // GROUP, row % GROUP
    own = (token < OWNED) & (offset + token < count) & (member < HEADS // SHARED)
    place = (tl.load(firsts + owner) + offset + token).to(tl.int64)
    asking = head * (HEADS // SHARED) + member
    position = start + offset + token
    lane, value_lane = tl.arange(0, WIDTH_PADDED), tl.arange(0, VALUE_PADDED)
    q = tl.load(
        query + (place * HEADS + asking)[:, None] * WIDTH + lane[None, :],
        mask=own[:, None] & (lane[None, :] < WIDTH),
        other=0.0,
    )
    end = start + tl.minimum(offset + OWNED, count)
    begin = 0
    if WINDOW > 0:
        begin = tl.maximum(0, start + offset - WINDOW + 1) // KEYS * KEYS
    part = tl.cdiv(tl.cdiv(end - begin, SPLITS), KEYS) * KEYS
    begin += split * part
    end = tl.minimum(end, begin + part)
    best = tl.full([TOKENS * GROUP], float("-inf"), tl.float32)
    total = tl.zeros([TOKENS * GROUP], tl.float32)
    sums = tl.zeros([TOKENS * GROUP, VALUE_PADDED], tl.float32)
    for first in range(begin, end, KEYS):
        key = first + tl.arange(0, KEYS)
        there = key < end
        block = tl.load(tables + owner.to(tl.int64) * table_stride + key // PAGE, mask=there, other=0)
        slot = (block.to(tl.int64) * PAGE + key % PAGE) * SHARED + head
        k = tl.load(
            keys + slot[:, None] * WIDTH + lane[None, :],
            mask=there[:, None] & (lane[None, :] < WIDTH),
            other=0.0,
        )
        v = tl.load(
            values + slot[:, None] * VALUE_WIDTH + value_lane[None, :],
            mask=there[:, None] & (value_lane[None, :] < VALUE_WIDTH),
            other=0.0,
        )
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale
        if softcap > 0:
            scores = softcap * (2 * tl.sigmoid(2 * scores / softcap) - 1)  # tanh
        seen = there[None, :] & (key[None, :] <= position[:, None])
        if WINDOW > 0:
            seen &= position[:, None] - key[None, :] < WINDOW
        scores = tl.where(seen, scores, float("-inf"))
        higher = tl.maximum(best, tl.max(scores, 1))
        level = tl.where(higher == float("-inf"), 0.0, higher)
        weights = tl.exp(scores - level[:, None])
        faded = tl.exp(best - level)
        total = total * faded + tl.sum(weights, 1)
        sums = sums * faded[:, None]
        sums += tl.dot(weights.to(v.dtype), v, input_precision=PRECISION)
        best = higher
    answer = place * HEADS + asking
    if SPLITS == 1:
        tl.store(
            mixed + answer[:, None] * VALUE_WIDTH + value_lane[None, :],
            (sums / total[:, None]).to(mixed.dtype.element_ty),
            mask=own[:, None] & (value_lane[None, :] < VALUE_WIDTH),
        )
    else:
        at = (answer * SPLITS + split) * (VALUE_PADDED + 2)
        tl.store(parts + at[:, None] + value_lane[None, :], sums, mask=own[:, None])
        tl.store(parts + at + VALUE_PADDED, best, mask=own)
        tl.store(parts + at + VALUE_PADDED + 1, total, mask=own)


@triton.jit  # type: ignore[untyped-decorator]
def _merge(  # type: ignore[no-untyped-def]
    parts,
    mixed,
    HEADS: tl.constexpr,
    SPLITS: tl.constexpr,
    WIDTH: tl.constexpr,
    WIDTH_PADDED: tl.constexpr,
):
    answer = tl.program_id(0).to(tl.int64) * HEADS + tl.program_id(1)
    split, lane = tl.arange(0, SPLITS), tl.arange(0, WIDTH_PADDED)
    at = parts + (answer * SPLITS + split) * (WIDTH_PADDED + 2)
    best = tl.load(at + WIDTH_PADDED)
    faded = tl.exp(best - tl.max(best, 0))
    total = tl.sum(tl.load(at + WIDTH_PADDED + 1) * faded, 0)
    sums = tl.sum(tl.load(at[:, None] + lane[None, :]) * faded[:, None], 0)
    tl.store(mixed + answer * WIDTH + lane, (sums / total).to(mixed.dtype.element_ty), mask=lane < WIDTH)
