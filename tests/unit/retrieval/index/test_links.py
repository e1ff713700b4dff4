import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from retrieval.index.links import link_back

ROOM = 6
Lists = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Lists:
    count = draw(st.integers(1, 24))
    others = st.lists(st.integers(0, count - 1), max_size=ROOM, unique=True)
    lists = draw(st.lists(others, min_size=count, max_size=count))
    return [[other for other in those if other != vector] for vector, those in enumerate(lists)]


def linked(lists: Lists, apart: int = 0) -> Lists:
    """What becomes of lists, each followed by `apart` numbers that are not its."""
    stored = np.full((len(lists), ROOM + apart), -1, dtype=np.int32)
    stored[:, ROOM:] = 7
    for vector, those in enumerate(lists):
        stored[vector, : len(those)] = those
    links = stored.ravel()
    link_back(links, np.arange(len(lists)) * (ROOM + apart), ROOM)
    after = links.reshape(stored.shape)
    assert (after[:, ROOM:] == 7).all()
    made = [row[row >= 0].tolist() for row in after[:, :ROOM]]
    assert all((row[len(those) :] == -1).all() for row, those in zip(after[:, :ROOM], made, strict=True))
    return made


def incoming(lists: Lists) -> list[int]:
    return np.bincount([other for those in lists for other in those], minlength=len(lists)).tolist()


@given(before=graphs(), apart=st.integers(0, 2))
def test_links_are_added_to_whom_few_link_and_none_is_lost(before: Lists, apart: int) -> None:
    after = linked(before, apart)
    for vector, (was, those) in enumerate(zip(before, after, strict=True)):
        assert those[: len(was)] == was
        assert len({*those}) == len(those)
        assert vector not in those
        assert incoming(after)[vector] <= max(4, incoming(before)[vector])


@given(count=st.integers(2, 40))
def test_all_of_a_chain_are_linked_to(count: int) -> None:
    after = linked([[], *([vector] for vector in range(count))])  # nobody links to the last
    assert min(incoming(after)) >= 1


def test_where_there_is_room_four_link_to_each() -> None:
    ring = [[(vector + 1) % 50] for vector in range(50)]
    assert incoming(linked(ring)) == [4] * 50


def test_who_links_to_a_full_list_is_linked_to_by_another_near_it() -> None:
    full = [1, 2, 3, 4, 5, 6]
    before = [full, *([0] for _ in range(6)), *([0] for _ in range(10))]
    after = linked(before)
    assert after[0] == full
    assert min(incoming(after)) >= 1


def test_who_links_to_nobody_is_near_nobody() -> None:
    assert linked([[], [], [1]]) == [[], [2], [1]]
