import pytest
from gateway.http.pages import Asked, page
from hypothesis import given
from hypothesis import strategies as st
from serving.errors import InvalidInput

ITEMS = [str(n) for n in range(7)]  # the oldest first


@given(st.sampled_from(["asc", "desc"]), st.integers(1, 9))
def test_pages_one_after_the_other_are_the_whole_list(order, limit):
    found, after, more = [], "", True
    while more:
        chosen, more = page(ITEMS, str, Asked(limit, order, after))
        assert len(chosen) <= limit
        found += chosen
        after = chosen[-1]
    assert found == (ITEMS if order == "asc" else ITEMS[::-1])


@given(st.integers(1, 9))
def test_pages_one_before_the_other_are_the_whole_list_but_the_last(limit):
    found, before, more = [], "0", True
    while more:
        chosen, more = page(ITEMS, str, Asked(limit, before=before))
        found = chosen + found
        before = chosen[0]
    assert found == ITEMS[:0:-1]


def test_between_two_and_of_nothing():
    assert page(ITEMS, str, Asked(9, "asc", "1", "4")) == (["2", "3"], False)
    assert page([], str, Asked(3)) == ([], False)
    with pytest.raises(InvalidInput, match="before: 'x' is not in this list"):
        page(ITEMS, str, Asked(9, "asc", before="x"))
