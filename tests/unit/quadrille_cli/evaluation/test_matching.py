import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadrille_cli.evaluation.matching import contained, exact_match, f1, normalised, without_markers


def test_normalisation_is_that_of_squad():
    assert normalised("The  Panthers' (2015)\tdefense, a!") == "panthers 2015 defense"
    assert normalised("Theatre") == "theatre", "articles are whole words"


def test_exact_match_takes_any_right_answer():
    assert exact_match("the Ann.", ["Bob", "ann"]) == 1
    assert exact_match("Ann Lee", ["Ann"]) == 0
    assert exact_match("", ["Ann"]) == 0


def test_f1_worked_by_hand():
    assert f1("Ann of Rome", ["Ann Lee"]) == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert f1("go go", ["go"]) == pytest.approx(2 / 3), "a word counts as often as both have it"
    assert f1("x", ["y", "x"]) == 1
    assert f1("x", ["the"]) == f1("", ["x"]) == 0


def test_an_answer_is_contained_by_whole_words():
    assert contained("It was built in 1871, by Ann.", ["the 1871"]) == 1
    assert contained("It was 18710.", ["1871"]) == 0
    assert contained("Ann", ["the"]) == 0, "of nothing nothing is told"


def test_markers_are_no_part_of_an_answer():
    assert without_markers("Ann [1]. Bob[2, 3] and [x] [4]") == "Ann . Bob and [x]"


@given(st.text(max_size=40), st.lists(st.text(max_size=40), min_size=1, max_size=3))
def test_an_exact_match_is_the_best_that_f1_can_be(answer, right):
    assert 0 <= f1(answer, right) <= 1
    if exact_match(answer, right):
        assert f1(answer, right) == 1
