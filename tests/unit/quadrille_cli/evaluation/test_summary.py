import pytest
from quadrille_cli.evaluation.dataset import Place, Question
from quadrille_cli.evaluation.measuring import measured
from quadrille_cli.evaluation.showing import summary_table
from quadrille_cli.evaluation.summary import Figure, summary
from rich.console import Console

KNOWN = Question("1", "Who?", ("Ann",), (Place("a"),))
UNKNOWN = Question("2", "Why?", unanswerable=True)


@pytest.fixture
def found(make_answer):
    return [
        measured(KNOWN, make_answer([[True]], text="Ann", total_ms=10, energy_joules=2)),
        measured(KNOWN, make_answer([[False]], text="Bob", total_ms=30)),
        measured(KNOWN, make_answer(abstention="model", total_ms=10)),
        measured(UNKNOWN, make_answer(abstention="model", total_ms=10)),
        measured(UNKNOWN, make_answer([[True]], text="So", total_ms=40, energy_joules=1)),
    ]


def test_figures_worked_by_hand(found):
    end = summary(found, [1, 3])
    assert end.figures == {
        "recall@1": Figure(1, 3),
        "recall@3": Figure(1, 3),
        "exact_match": Figure(0.3333, 3),
        "f1": Figure(0.3333, 3),
        "answer_contained": Figure(0.3333, 3),
        "citation_precision": Figure(0.6667, 3),
        "citation_recall": Figure(0.6667, 3),
        "evidence_cited": Figure(0.6667, 3),
        "groundedness": Figure(1, 3),
        "abstention_precision": Figure(0.5, 2),
        "abstention_recall": Figure(0.5, 2),
        "false_abstention": Figure(0.3333, 3),
    }
    assert (end.question_count, end.unanswerable_count, end.abstained_count, end.joules) == (5, 2, 2, 3)
    assert (end.mean_ms["total"], end.p95_ms["total"], end.method) == (20, 40, "words")
    assert (end.prompt_tokens, end.completion_tokens) == (35, 15)


def test_of_nothing_there_is_no_figure(found):
    end = summary([item for item in found if item.unanswerable])
    assert end.figures["exact_match"] == end.figures["recall@1"] == Figure(None, 0)
    assert "abstention_recall" not in summary(found[:2]).figures, "nothing was to be refused"
    assert summary(found[1:2]).joules is None


def test_the_table_has_each_figure(found):
    screen = Console(record=True, width=100)
    screen.print(summary_table(summary(found, [1])))
    rows = [line.split() for line in screen.export_text().splitlines()]
    assert ["abstention", "recall", "0.500", "2"] in rows
    assert ["total", "ms", "20", "p95", "40"] in rows
    assert ["joules", "0.60", "3", "in", "all"] in rows
