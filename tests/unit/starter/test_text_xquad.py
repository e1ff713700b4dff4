"""The measures of SQuAD, and its files."""

import json
from pathlib import Path

import pytest

from starter.text.evaluate import split_citation
from starter.text.xquad import exact_match, f1, load, normalized


def test_articles_case_and_punctuation_do_not_count() -> None:
    assert normalized("The  Denver Broncos!") == "denver broncos"
    assert exact_match("an apple.", ("Apple",))
    assert not exact_match("apples", ("Apple",))


@pytest.mark.parametrize(
    ("said", "score"), [("Denver Broncos", 1.0), ("the Broncos of Denver", 0.8), ("Carolina", 0.0), ("", 0.0)]
)
def test_f1_counts_shared_words(said: str, score: float) -> None:
    assert f1(said, ("Denver Broncos", "nobody")) == pytest.approx(score)


def test_each_question_comes_with_its_paragraph(tmp_path: Path) -> None:
    qas = [{"question": "Who won?", "answers": [{"text": "Denver", "answer_start": 0}]}]
    article = {"title": "Super_Bowl", "paragraphs": [{"context": "Denver won.", "qas": qas}]}
    path = tmp_path / "xquad.json"
    path.write_text(json.dumps({"data": [article]}))
    ((example, right),) = load(path)
    assert right == ("Denver",)
    assert example.passages[0].text == "Denver won." and example.passages[0].title == "Super Bowl"
    assert example.messages[-1] == ("user", "Who won?")


@pytest.mark.parametrize(
    ("answer", "parts"), [("Denver [2]", ("Denver", 2)), ("Denver", ("Denver", None)), ("[1]", ("[1]", None))]
)
def test_an_answer_ends_in_its_citation(answer: str, parts: tuple[str, int | None]) -> None:
    assert split_citation(answer) == parts
