import pytest
from quadrille_cli.evaluation.citing import citation_precision, citation_recall


def figures(answer):
    support = answer.finished.groundedness
    return citation_precision(support, answer.citations), citation_recall(support, answer.citations)


@pytest.mark.parametrize(
    ("sentences", "invalid", "precision", "recall"),
    [
        ([[True]], 0, 1, 1),
        ([[True, False]], 0, 1 / 2, 1),  # one of two is enough for the sentence
        ([[True], []], 0, 1, 1 / 2),  # a sentence without a citation is not supported by one
        ([[True], [False, False]], 0, 1 / 3, 1 / 2),
        ([[True]], 1, 1 / 2, 1),  # a marker that names no passage
        ([[]], 0, 0, 0),
        ([[]], 2, 0, 0),
    ],
)
def test_worked_by_hand(make_answer, sentences, invalid, precision, recall):
    assert figures(make_answer(sentences, invalid=invalid)) == pytest.approx((precision, recall))


def test_an_answer_that_says_nothing_is_not_counted(make_answer):
    assert figures(make_answer()) == (None, None)
