"""What the kernels attend to is what the cache's own pass attends to, in torch."""

import pytest
import torch
from textgen.models.block_cache import BlockCache, Cached
from textgen.models.paged_attention import Rules, Shape
from textgen.models.tiles import tiled
from textgen.models.triton_attention import attend

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BLOCKS, LONGEST = 64, 15
SHAPES = {  # heads, shared heads, width of keys, width of values
    "groups": (4, 2, 16, 16),
    "odd": (6, 2, 24, 40),
    "alone": (3, 3, 32, 32),
    "one-key": (5, 1, 64, 64),
}
RULES = {"plain": Rules(0.25), "window": Rules(0.3, window=21), "softcap": Rules(0.2, softcap=5.0)}
PASSES = {  # tokens of each sequence, and the positions of their first
    "tokens": ([1, 1, 1], [0, 37, 200]),
    "parts": ([1, 40, 17, 1], [90, 0, 33, 5]),
    "many": ([1] * 20, list(range(0, 200, 10))),
    "one": ([5], [3]),
}


@pytest.mark.parametrize("lengths, starts", PASSES.values(), ids=PASSES)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("heads, shared, width, value_width", SHAPES.values(), ids=SHAPES)
def test_attention_is_that_of_torch(heads, shared, width, value_width, rules, lengths, starts):
    source = torch.Generator(DEVICE).manual_seed(0)

    def drawn(*shape):
        return torch.randn(*shape, generator=source, device=DEVICE)

    tables = [[(LONGEST * row + place) % BLOCKS for place in range(LONGEST)] for row in range(len(lengths))]
    if len(lengths) * LONGEST > BLOCKS:  # what was there is shared, what is new has a block of its own
        tables = [[*range(40), 40 + row] for row in range(len(lengths))]
        starts = [16 * 40 + row % 16 for row in range(len(lengths))]
    count = sum(lengths)
    keys, values = drawn(BLOCKS, 16, shared, width), drawn(BLOCKS, 16, shared, value_width)
    query, key = drawn(count, heads, width), drawn(count, shared, width)
    value = drawn(count, shared, value_width)
    found = []
    for kernel in (None, attend):
        cache = BlockCache([Shape(shared, width, value_width)], BLOCKS, torch.float32, DEVICE)
        cache.keys[0].copy_(keys)
        cache.values[0].copy_(values)
        attention = (
            Cached(cache, tables, starts, lengths, DEVICE)
            if kernel is None
            else tiled(cache, kernel, tables, starts, lengths, DEVICE)
        )
        found.append((attention.attend(0, query, key, value, rules), cache.keys[0], cache.values[0]))
    for mine, wanted in zip(*reversed(found), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-4)


def test_sinks_are_refused():
    cache = BlockCache([Shape(1, 16, 16)], 2, torch.float32, DEVICE)
    attention = tiled(cache, attend, [[0]], [0], [1], DEVICE)
    query = torch.ones(1, 1, 16, device=DEVICE)
    with pytest.raises(NotImplementedError):
        attention.attend(0, query, query, query, Rules(1.0, sinks=torch.zeros(1)))
