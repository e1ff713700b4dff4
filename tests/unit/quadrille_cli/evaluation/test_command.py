import json

import pytest
from quadrille_cli.app import app
from quadrille_cli.evaluation.asking import in_order
from quadrille_cli.evaluation.dataset import Place, Question, line
from typer.testing import CliRunner

ASKED = (
    Question("1", "Why?", ("Because.",), (Place("a.md", 0, 5),)),
    Question("2", "Where?", evidence=(Place("b.md"),)),
    Question("3", "Who?", unanswerable=True),
)


@pytest.fixture
def quadrille(address, tmp_path):
    """The command line, with questions about the fake's only document."""
    (tmp_path / "questions.jsonl").write_text("".join(map(line, ASKED)))
    (tmp_path / "bad.md").write_text("bad")

    def invoke(*arguments):
        told = [
            "--address",
            address,
            "eval",
            "rag",
            "--dataset",
            str(tmp_path / "questions.jsonl"),
            *arguments,
        ]
        return CliRunner().invoke(app, told, env={"COLUMNS": "200"})

    return invoke


def test_json_is_a_line_a_question_and_one_with_all_figures(quadrille):
    result = quadrille("--json", "--passages", "3", "--at-once", "2")
    assert result.exit_code == 0, result.output
    *each, end = [json.loads(text) for text in result.stdout.splitlines()]
    assert [item["id"] for item in each] == ["1", "2", "3"]
    assert each[0]["exact_match"] == 1, "the fake says: Because [1]."
    assert each[0]["recall"].keys() == {"1", "3"}, "only so many passages were asked for"
    assert end["question_count"] == 3
    assert end["figures"]["recall@3"] == {"value": 0.5, "count": 2}
    assert "recall@5" not in end["figures"]
    assert end["figures"]["abstention_recall"] == {"value": 0.0, "count": 1}


def test_people_get_a_table(quadrille):
    result = quadrille("--limit", "1")
    assert result.exit_code == 0, result.output
    assert "exact match" in result.stdout and "1 questions; support is words" in result.stdout


def test_a_document_that_is_refused_ends_it(quadrille, tmp_path):
    result = quadrille("--documents", str(tmp_path / "bad.md"))
    assert result.exit_code == 1
    assert "bad.md was refused: is bad" in result.stderr


def test_answers_come_in_the_order_of_questions():
    assert list(in_order(lambda number: number * 2, range(20), 4)) == list(range(0, 40, 2))
