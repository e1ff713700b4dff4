from quadrille_cli.evaluation.dataset import Place, Question
from quadrille_cli.evaluation.measuring import measured

ASKED = Question("1", "Who?", ("Ann Lee",), (Place("b", 2, 6),))


def test_an_answer_against_all_that_is_known(make_answer):
    said = make_answer([[True]], text="Ann Lee [1].", documents=("a", "b"), cited="b", energy_joules=2.5)
    found = measured(ASKED, said)
    assert (found.exact_match, found.f1, found.answer_contained) == (1, 1, 1), "markers don't count"
    assert found.recall == {1: 0, 3: 1, 5: 1, 10: 1, 20: 1}
    assert (found.evidence_cited, found.citation_recall, found.groundedness) == (1, 1, 1)
    assert (found.prompt_tokens, found.completion_tokens, found.joules) == (7, 3, 2.5)
    assert found.milliseconds["search"] == 2 and found.milliseconds["total"] == 10


def test_an_abstention_answers_nothing(make_answer):
    found = measured(ASKED, make_answer([[False]], text="Ann Lee", abstention="unsupported"))
    assert (found.exact_match, found.f1, found.answer_contained) == (0, 0, 0)
    assert found.abstention == "unsupported"


def test_what_is_not_known_is_not_measured(make_answer):
    found = measured(Question("1", "Who?", unanswerable=True), make_answer(abstention="model"))
    assert found.recall == {}
    assert {found.exact_match, found.f1, found.answer_contained, found.evidence_cited} == {None}
    assert found.groundedness is found.citation_precision is None
