from gateway.balancing.picking import pick
from gateway.balancing.prefixes import Prefixes
from gateway.balancing.replica import Replica
from gateway.balancing.work import BLOCK_TOKENS, Load, blocks_of
from hypothesis import given
from hypothesis import strategies as st


def replicas(*addresses):
    return [Replica(address, None, None) for address in addresses]


def test_least_outstanding_work_and_among_equals_who_waited_longest():
    a, b, c = replicas("a", "b", "c")
    a.outstanding, b.outstanding, c.outstanding = 5, 3, 3
    b.last_pick = 7
    assert pick([a, b, c], Load()) is c
    c.last_pick = 8
    assert pick([a, b, c], Load()) is b


def test_a_prompt_follows_its_prefix_until_that_costs_more_than_it_saves():
    a, b = replicas("a", "b")
    blocks = blocks_of(b"x" * 2048)
    b.prefixes.add(blocks[:3])
    load = Load(600, blocks)
    b.outstanding = 3 * BLOCK_TOKENS - 1
    assert pick([a, b], load) is b
    b.outstanding = 3 * BLOCK_TOKENS + 1
    assert pick([a, b], load) is a
    assert pick([a, b], Load(600, blocks_of(b"y" * 2048))) is a


def test_new_prompts_spread_and_each_goes_the_same_way_whatever_the_order():
    one, other = replicas("a", "b", "c"), replicas("c", "b", "a")
    ways = {}
    for number in range(60):
        load = Load(1, blocks_of(str(number).encode() * 512))
        ways[number] = pick(one, load).address
        assert pick(other, load).address == ways[number]
        left = [item for item in one if item.address != "c"]
        if ways[number] != "c":  # who stays keeps what was its
            assert pick(left, load).address == ways[number]
    assert min(list(ways.values()).count(address) for address in "abc") > 5


def test_the_oldest_prompts_are_forgotten_ends_first():
    prefixes = Prefixes(limit=4)
    old, new = blocks_of(b"a" * 512 * 3), blocks_of(b"b" * 512 * 2)
    prefixes.add(old)
    prefixes.add(new)
    assert (prefixes.matched(old), prefixes.matched(new)) == (2, 2)
    prefixes.clear()
    assert prefixes.matched(new) == 0


@given(st.lists(st.lists(st.binary(min_size=1, max_size=1), max_size=8), max_size=20), st.integers(1, 6))
def test_no_more_is_kept_than_the_limit(prompts, limit):
    prefixes = Prefixes(limit)
    for blocks in prompts:
        prefixes.add(blocks)
    every = {block for blocks in prompts for block in blocks}
    assert sum(prefixes.matched([block]) for block in every) <= limit
    if prompts and prompts[-1]:
        assert prefixes.matched(prompts[-1]) >= min(limit, 1)
