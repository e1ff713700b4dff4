import itertools

import pytest
from gateway.domain.answer import Passage
from gateway.rag.citations import CitationParser
from gateway.rag.claims import ClaimReader
from hypothesis import given
from hypothesis import strategies as st
from rag_fakes import hit

PASSAGES = [Passage(number, hit("text")) for number in (1, 2)]
ANSWER = (
    "[2] Größe counts. [1] The store is SQLite [2]. It holds\n- vectors [1]\n[2]\n- . "
    "The documents don't say. [1] End"
)


def read(answer, cuts=()):
    """Sentences with their numbers, and the sentence's number of each marker."""
    parser, reader = CitationParser(PASSAGES), ClaimReader()
    edges = [0, *sorted(cut % (len(answer) + 1) for cut in cuts), len(answer)]
    claims, cited = [], []
    for first, last in itertools.pairwise(edges):
        mentions = parser.feed(answer[first:last])
        new = reader.read(parser.answer, parser.scanned)
        cited += [reader.number_at(parser.answer, each.place, new) for each in mentions]
        claims += new
    claims += reader.close(answer)
    return [(each.number, each.text, each.says_something) for each in claims], cited, claims


def test_markers_belong_to_the_sentence_before_them_and_abstentions_have_no_number():
    claims, cited, _ = read(ANSWER)
    assert claims == [
        (1, "Größe counts.", True),
        (2, "The store is SQLite .", True),
        (3, "It holds", True),
        (4, "- vectors", True),
        (4, "- .", False),
        (4, "The documents don't say.", False),
        (5, "End", True),
    ]
    assert cited == [0, 1, 2, 4, 4, 4]


@given(st.lists(st.integers(0, 400), max_size=12).map(tuple))
def test_deltas_may_be_cut_anywhere(cuts):
    assert read(ANSWER, cuts)[:2] == read(ANSWER)[:2]


@given(st.text(alphabet="[]12, aB.!\n", max_size=60), st.lists(st.integers(0, 60), max_size=6).map(tuple))
def test_claims_cover_an_answer_and_never_overlap(answer, cuts):
    claims = read(answer, cuts)[2]
    assert claims == read(answer)[2]
    assert all(one.end <= one.until <= other.start for one, other in itertools.pairwise(claims))
    covered = {place for each in claims for place in range(each.start, each.end)}
    left = "".join(character for place, character in enumerate(answer) if place not in covered)
    assert not any(character.isalpha() for character in left)


@pytest.mark.parametrize(
    "said", ["The documents don’t say.", "the documents do not say", "The documents don't say [1]."]
)
def test_an_abstention_is_known_by_its_words(said):
    assert read(said)[2][0].abstains


def test_a_long_run_of_markers_is_read_in_linear_time():
    answer = f"Start. {'[1]   ' * 3000}End."
    claims, cited, _ = read(answer, tuple(range(0, 18_000, 7)))
    assert [text for _, text, _ in claims] == ["Start.", "End."]
    assert set(cited) == {1}
