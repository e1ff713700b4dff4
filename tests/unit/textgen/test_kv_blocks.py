from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.kv_blocks import BlockPool, digest


def test_what_was_never_used_is_taken_last_and_in_order() -> None:
    pool = BlockPool(4)
    assert [pool.take(), pool.take()] == [0, 1]
    pool.release([0, 1])
    assert (pool.take(), pool.held, pool.available) == (0, 1, 3)


def test_a_sealed_block_is_found_even_when_nobody_holds_it() -> None:
    pool = BlockPool(2)
    block = pool.take()
    pool.seal(block, b"a")
    pool.release([block])
    assert pool.find(b"a") == block
    assert pool.held == 0
    pool.share(block)
    assert (pool.held, pool.available) == (1, 1)


def test_the_least_recently_used_is_forgotten_first_and_the_end_of_a_sequence_before_its_beginning() -> None:
    pool = BlockPool(4)
    first, second = [pool.take(), pool.take()], [pool.take(), pool.take()]
    for block, name in zip([*first, *second], (b"1a", b"1b", b"2a", b"2b"), strict=True):
        pool.seal(block, name)
    pool.release(first)
    pool.release(second)
    pool.share(first[0])
    pool.release(first[:1])
    taken = [pool.take() for _ in range(3)]
    assert taken == [first[1], second[1], second[0]]
    assert pool.find(b"1a") == first[0]
    assert pool.find(b"2a") is None
    pool.take()
    with pytest.raises(IndexError):
        pool.take()


def test_of_two_alike_the_first_is_known_and_the_other_is_free_again() -> None:
    pool = BlockPool(2)
    one, other = pool.take(), pool.take()
    pool.seal(one, b"a")
    pool.seal(other, b"a")
    pool.release([one, other])
    assert pool.find(b"a") == one
    assert pool.take() == other


def test_a_name_tells_of_all_that_came_before() -> None:
    tokens = [1, 2, 3]
    assert digest(b"", tokens) == digest(b"", (1, 2, 3))
    assert (
        len({digest(b"", tokens), digest(b"salt", tokens), digest(b"", [1, 2, 4]), digest(b"", [12, 3])}) == 4
    )


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_block_is_lost_or_given_twice(data) -> None:
    pool, count = BlockPool(6), 6
    held: list[list[int]] = []
    names: dict[bytes, int] = {}
    for _ in range(data.draw(st.integers(1, 60))):
        action = data.draw(st.sampled_from(["take", "release", "seal", "share"]))
        if action == "take" and pool.available:
            block = pool.take()
            assert all(block not in blocks for blocks in held)
            names = {name: known for name, known in names.items() if known != block}
            held.append([block])
        elif action == "release" and held:
            pool.release(held.pop(data.draw(st.integers(0, len(held) - 1))))
        elif action == "seal" and held:
            block, name = data.draw(st.sampled_from(held))[0], data.draw(st.binary(min_size=1, max_size=1))
            pool.seal(block, name)
            if name not in names and block not in names.values():
                names[name] = block
        elif action == "share" and names:
            block = data.draw(st.sampled_from(sorted(names.values())))
            pool.share(block)
            held.append([block])
        assert pool.held == len({block for blocks in held for block in blocks})
        assert pool.held + pool.available == count
        assert all(pool.find(name) == block for name, block in names.items())
    holders = Counter(block for blocks in held for block in blocks)
    assert all(pool._holders[block] == holders[block] for block in range(count))
