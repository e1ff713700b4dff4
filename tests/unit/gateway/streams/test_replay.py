import pytest
from gateway.streams.replay import Replay
from hypothesis import given
from hypothesis import strategies as st

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 9)),
        st.tuples(st.just("trim"), st.integers(0, 12), st.integers(-5, 30)),
    )
)


@given(STEPS)
def test_what_is_kept_is_a_run_of_the_newest_and_only_as_much_goes_as_is_wanted(steps):
    replay, sizes = Replay(), []
    for step in steps:
        if step[0] == "append":
            sizes.append(step[1])
            replay.append(f"item {len(sizes)}", step[1])
            continue
        before, (upto, wanted) = replay.first, step[1:]
        freed = replay.trim(upto, wanted)
        gone = sizes[before - 1 : replay.first - 1]
        assert freed == sum(gone)
        assert replay.first <= max(before, upto + 1)
        assert not gone or sum(gone[:-1]) < wanted  # without its last it would not have been enough
        assert freed >= wanted or replay.first > min(upto, len(sizes))  # or nothing was left that might go
    assert replay.last == len(sizes)
    assert replay.size_bytes == sum(sizes[replay.first - 1 :])
    for number in range(-1, len(sizes) + 3):
        if replay.first <= number <= replay.last:
            assert replay[number] == f"item {number}"
        else:
            with pytest.raises(KeyError):
                replay[number]
