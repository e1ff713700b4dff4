import itertools

import pytest
from gateway.rag.chunker import chunk_text
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(alphabet=st.sampled_from("ab é漢.!\n #"), max_size=400)


@given(TEXTS, st.integers(4, 80), st.integers(0, 40))
def test_chunks_are_exact_slices_that_cover_the_text(text, size, overlap):
    overlap = min(overlap, size // 2)
    data, covered = text.encode(), bytearray(text.encode())
    chunks = chunk_text(text, size, overlap)
    for chunk in chunks:
        assert data[chunk.start_byte : chunk.end_byte].decode() == chunk.text
        assert 0 < len(chunk.text) <= size
        assert chunk.text == chunk.text.strip()
        covered[chunk.start_byte : chunk.end_byte] = b" " * (chunk.end_byte - chunk.start_byte)
    assert not covered.decode().strip()
    starts = [chunk.start_byte for chunk in chunks]
    assert starts == sorted(set(starts))


def test_a_heading_begins_a_chunk():
    text = "Intro words that fill the beginning of it.\n\n# Heading\nMore words follow here."
    assert [chunk.text.split()[0] for chunk in chunk_text(text, 60, 10)] == ["Intro", "#"]


def test_neighbours_share_at_most_the_overlap():
    text = " ".join(f"word{number}" for number in range(200))
    chunks = chunk_text(text, 100, 30)
    shared = [first.end_byte - second.start_byte for first, second in itertools.pairwise(chunks)]
    assert 0 < max(shared) <= 30


def test_overlap_is_bounded():
    with pytest.raises(ValueError, match="half"):
        chunk_text("abc", 10, 6)
