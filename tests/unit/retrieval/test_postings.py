import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from retrieval.postings import Postings, best

SCORES = st.dictionaries(st.integers(0, 40), st.sampled_from([0.125, 0.5, 1.0, 2.0]), max_size=25)


def postings(scores: dict[int, float], shift: int = 0) -> Postings:
    numbers = sorted(scores)
    chunks = np.array(numbers, dtype=np.int64) + shift
    return Postings(chunks, np.array([scores[number] for number in numbers], dtype=np.float64))


@given(
    words=st.lists(SCORES, max_size=4),
    limit=st.integers(1, 50),
    allowed=st.none() | st.sets(st.integers(0, 60)),
    shift=st.integers(0, 10**9),
    apart=st.sampled_from([1, 10**6]),
)
def test_the_best_sums_come_first_and_equal_ones_by_number(
    words: list[dict[int, float]], limit: int, allowed: set[int] | None, shift: int, apart: int
) -> None:
    words = [{number * apart: score for number, score in word.items()} for word in words]
    allowed = None if allowed is None else {number * apart for number in allowed}
    sums: dict[int, float] = {}
    for word in words:
        for number, score in word.items():
            if allowed is None or number in allowed:
                sums[number + shift] = sums.get(number + shift, 0.0) + score
    expected = sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:limit]
    mask = None if allowed is None else np.array(sorted(allowed), dtype=np.int64) + shift
    found = best([postings(word, shift) for word in words], limit, mask)
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected


def test_memory_is_told() -> None:
    assert postings({1: 1.0, 2: 1.0}).nbytes == 32
