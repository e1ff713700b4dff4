import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from textgen.kv_blocks import BLOCK_TOKENS
from textgen.models.block_cache import BlockCache
from textgen.models.paged_attention import Shape
from textgen.models.tiles import splits_of, tiled

CPU = torch.device("cpu")


@given(st.lists(st.tuples(st.integers(1, 70), st.integers(0, 200)), min_size=1, max_size=8), st.randoms())
def test_each_token_is_in_one_tile_and_has_a_place_of_its_own(spans, random):
    lengths, starts = map(list, zip(*spans, strict=True))
    tables = [random.sample(range(900), -(-(start + count) // BLOCK_TOKENS)) for count, start in spans]
    cache = BlockCache([Shape(1, 1, 1)], 900, torch.float32, CPU)
    found = tiled(cache, lambda *_: None, tables, starts, lengths, CPU)
    tiles, covered = found.tiles, []
    for owner, offset in zip(tiles.owners.tolist(), tiles.offsets.tolist(), strict=True):
        first, count = int(tiles.firsts[owner]), int(tiles.lengths[owner])
        assert count == lengths[owner]
        covered += range(first + offset, first + min(offset + tiles.tokens, count))
    assert covered == list(range(sum(lengths)))
    slots = [
        table[place // BLOCK_TOKENS] * BLOCK_TOKENS + place % BLOCK_TOKENS
        for table, (count, start) in zip(tables, spans, strict=True)
        for place in range(start, start + count)
    ]
    assert found.slots.tolist() == slots
    assert tiles.starts.tolist() == starts
    for row, table in zip(tiles.tables.tolist(), tables, strict=True):
        assert row[: len(table)] == table


@pytest.mark.parametrize("tiles, splits", [(1, 16), (2, 8), (3, 4), (16, 1), (17, 1), (4000, 1)])
def test_few_tiles_are_split_into_a_power_of_two(tiles, splits):
    assert splits_of(tiles) == splits
