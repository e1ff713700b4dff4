import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from retrieval.index.places import common, find, lacking, to_bitmap, to_places

IDS = st.sets(st.integers(0, 30)).map(sorted)


@given(held=IDS, ids=IDS)
def test_found_and_lacking_are_all(held: list[int], ids: list[int]) -> None:
    there, asked = np.array(held, dtype=np.int64), np.array(ids, dtype=np.int64)
    assert there[find(there, asked)].tolist() == [number for number in ids if number in held]
    assert there[common(there, asked)].tolist() == sorted({*held} & {*ids})
    assert asked[lacking(there, asked)].tolist() == [number for number in ids if number not in held]


@given(
    st.integers(0, 40).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1) if n else st.nothing()))
    )
)
def test_a_bitmap_has_the_lowest_place_in_the_lowest_bit(case: tuple[int, set[int]]) -> None:
    count, places = case
    bitmap = to_bitmap(np.array(sorted(places), dtype=np.int64), count)
    assert len(bitmap) == -(-count // 8)
    assert {place for place in range(count) if bitmap[place // 8] >> (place % 8) & 1} == places
    assert to_places(bitmap, count).tolist() == sorted(places)
    assert to_places(None, count).tolist() == list(range(count))
