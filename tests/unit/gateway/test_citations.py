import itertools

from gateway.domain.answer import Passage
from gateway.domain.retrieval import Hit
from gateway.rag.citations import CitationParser, unmarked, without_markers
from hypothesis import given
from hypothesis import strategies as st

PASSAGES = [Passage(number, Hit(f"d#{number}", "d", number, "t", "", "", 0, 1, 1.0)) for number in (1, 2, 3)]


def cited(answer: str, cuts: tuple[int, ...] = ()) -> list[tuple[int, str]]:
    parser = CitationParser(PASSAGES)
    edges = [0, *sorted(cut % (len(answer) + 1) for cut in cuts), len(answer)]
    found = [citation for a, b in itertools.pairwise(edges) for citation in parser.feed(answer[a:b])]
    data = answer.encode()
    return [(each.passage.number, data[slice(*each.statement)].decode()) for each in found]


ANSWER = "Größe counts. [1] The store is SQLite [2][3]. It holds vectors [1, 2]."


def test_markers_cite_the_statement_before_them():
    assert cited(ANSWER) == [
        (1, "Größe counts."),
        (2, "The store is SQLite"),
        (3, "The store is SQLite"),
        (1, "It holds vectors"),
        (2, "It holds vectors"),
    ]


@given(st.lists(st.integers(0, 200), max_size=8).map(tuple))
def test_deltas_may_split_markers_anywhere(cuts):
    assert cited(ANSWER, cuts) == cited(ANSWER)


def test_unknown_numbers_are_counted_and_not_cited():
    parser = CitationParser(PASSAGES)
    assert parser.feed("Nonsense [9]. And [10][1]")[0].passage.number == 1
    assert parser.invalid_count == 2


@given(st.text(alphabet="[]0123, ab.", max_size=80))
def test_any_text_is_read(text):
    parser = CitationParser(PASSAGES)
    for character in text:
        parser.feed(character)
    assert parser.answer == text


def test_markers_are_taken_out_or_made_plain_text():
    assert without_markers("a [1] b [2, 3].") == "a  b ."
    assert unmarked("[1] a[0] [x] [ 2, 3 ]") == "(1) a(0) [x] ( 2, 3 )"


def test_white_space_between_markers_is_read_in_linear_time():
    run = "[1]   " * 1000
    found = cited(f"Start {run}word [2]. {run}", tuple(range(0, 12_000, 7)))
    assert len(found) == 2001
    assert {statement for _, statement in found[:1000]} == {"Start"}
