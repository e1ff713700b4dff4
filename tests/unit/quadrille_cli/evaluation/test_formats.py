import json

import pytest
from quadrille_cli.evaluation.dataset import Place, Question, read
from quadrille_cli.evaluation.formats import convert
from quadrille_cli.failures import Failed

TEXTS = ("Größe zählt.", "Ann baute es.")


@pytest.fixture
def squad(tmp_path):
    """Two articles of one paragraph each; an answer behind what takes several bytes, and none."""
    asked = [
        {"id": "1", "question": "Was zählt?", "answers": [{"text": "Größe", "answer_start": 0}]},
        {"id": "2", "question": "Was tut sie?", "answers": [{"text": "zählt", "answer_start": 6}]},
    ]
    impossible = [{"id": "3", "question": "Wann?", "answers": []}]
    parts = [
        {"paragraphs": [{"context": text, "qas": qas}]}
        for text, qas in zip(TEXTS, (asked, impossible), strict=True)
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": parts}))
    return path


@pytest.fixture
def chunking(tmp_path):
    (tmp_path / "corpora").mkdir()
    for name, text in zip(("one", "two"), TEXTS, strict=True):
        (tmp_path / "corpora" / f"{name}.md").write_text(text)
    reference = json.dumps([{"content": "zählt", "start_index": 6, "end_index": 11}]).replace('"', '""')
    rows = f'question,references,corpus_id\nWas tut sie?,"{reference}",one\n'
    (tmp_path / "questions_df.csv").write_text(rows)
    return tmp_path


def test_squad_becomes_questions_and_documents(squad, tmp_path):
    assert convert("squad", squad, tmp_path / "out") == (3, 2)
    first, second, third = read(tmp_path / "out/questions.jsonl")
    assert (first.answers, third) == (("Größe",), Question("3", "Wann?", unanswerable=True))
    (place,) = second.evidence
    text = (tmp_path / "out" / place.document).read_bytes()
    assert text[place.start_byte : place.end_byte].decode() == "zählt"


def test_questions_about_what_is_left_out_have_no_answer(squad, tmp_path):
    assert convert("squad", squad, tmp_path / "out", left_out=1) == (3, 0)
    assert all(item.unanswerable for item in read(tmp_path / "out/questions.jsonl"))
    assert convert("squad", squad, tmp_path / "half", left_out=2) == (3, 1)
    assert [item.unanswerable for item in read(tmp_path / "half/questions.jsonl")] == [False, False, True]


def test_chunking_becomes_questions_and_documents(chunking, tmp_path):
    assert convert("chunking", chunking, tmp_path / "out") == (1, 2)
    (asked,) = read(tmp_path / "out/questions.jsonl")
    assert asked.evidence == (Place("documents/one.md", 8, 14),)
    assert (tmp_path / "out/documents/two.md").read_text() == TEXTS[1]


@pytest.mark.parametrize("text", ["", "[]", '{"data": [{}]}', '{"data": 5}'])
def test_what_is_of_another_format_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(Failed, match=r"x\.json is not what squad is"):
        convert("squad", tmp_path / "x.json", tmp_path / "out")
