import itertools

import pytest
from gateway.rag.chunker import chunk_text
from gateway.rag.measures import Tokens
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


@given(TEXTS, st.integers(2, 20), st.integers(0, 10), st.data())
def test_chunks_may_be_measured_in_tokens(text, size, overlap, data):
    """Wherever tokens end, also several at one place or within a character, as those of damaged vocabularies."""
    ends = sorted(data.draw(st.lists(st.integers(0, len(text.encode())), max_size=60)))
    encoded, covered = text.encode(), bytearray(text.encode())
    for chunk in chunk_text(text, size, min(overlap, size // 2), Tokens(text, ends)):
        assert encoded[chunk.start_byte : chunk.end_byte].decode() == chunk.text
        covered[chunk.start_byte : chunk.end_byte] = b" " * len(chunk.text.encode())
    assert not covered.decode().strip()


@given(TEXTS, st.integers(2, 20), st.integers(0, 10), st.data())
def test_a_chunk_has_no_more_tokens_than_its_size(text, size, overlap, data):
    places = sorted(data.draw(st.sets(st.integers(1, max(1, len(text))))))
    ends = [len(text[:place].encode()) for place in places]
    for chunk in chunk_text(text, size, min(overlap, size // 2), Tokens(text, ends)):
        assert sum(chunk.start_byte < end <= chunk.end_byte for end in ends) <= size


def test_words_as_tokens():
    text = "eins zwei drei. Vier fünf sechs sieben"
    ends = [len(text[:end].encode()) for end in (4, 9, 14, 15, 20, 25, 31, 38)]
    chunks = chunk_text(text, 4, 2, Tokens(text, ends))
    assert [chunk.text for chunk in chunks] == ["eins zwei drei.", "Vier fünf sechs sieben"]
    assert [
        chunk.text for chunk in chunk_text("a b c d e f", 4, 2, Tokens("a b c d e f", range(1, 12, 2)))
    ] == [
        "a b c d",
        "c d e f",
    ]


def test_what_is_in_a_block_of_code_is_no_heading():
    code = "```sh\n# a comment that is long enough\nls\n```\n"
    text = f"Intro words that fill some of it.\n{code}# Heading\nMore words follow here and there."
    assert [chunk.text.split()[0] for chunk in chunk_text(text, 110, 0)] == ["Intro", "#"]
    assert "a comment" in chunk_text(text, 110, 0)[0].text


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
