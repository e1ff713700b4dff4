import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadrille_cli.evaluation.dataset import Place, Question, line, question, read, spread
from quadrille_cli.failures import Failed

SPANS = st.tuples(st.integers(0, 99), st.integers(1, 99)).map(lambda pair: (pair[0], sum(pair)))
PLACES = st.builds(Place, st.just("a.md")) | SPANS.map(lambda span: Place("b.md", *span))
TEXTS = st.text(min_size=1).filter(str.strip)


@given(st.lists(TEXTS, min_size=1), st.lists(PLACES))
def test_a_question_comes_back_from_its_line(answers, places):
    asked = Question("1", "Who?", tuple(answers), tuple(places))
    assert question(json.loads(line(asked))) == asked


def test_an_unanswerable_question_comes_back_from_its_line():
    asked = Question("1", "Who?", unanswerable=True)
    assert question(json.loads(line(asked))) == asked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 1}, "id must be a text"),
        ({"question": " "}, "question must be a text"),
        ({"answers": "Ann"}, "answers is no list"),
        ({"answers": [1]}, "answers must be texts"),
        ({"answers": []}, "needs answers or evidence"),
        ({"unanswerable": True}, "and not both"),
        ({"unanswerable": 1}, "must be true or false"),
        ({"evidence": [{"document": "a", "start_byte": 3, "end_byte": 3}]}, "a span that is not empty"),
        ({"evidence": [{"document": "a", "start_byte": True, "end_byte": 3}]}, "a span that is not empty"),
        ({"evidence": [{"start_byte": 1, "end_byte": 3}]}, "document must be a text"),
        ({"answer": "Ann"}, "unknown fields: answer"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, change, said):
    good = {"id": "1", "question": "Who?", "answers": ["Ann"]}
    path = tmp_path / "questions.jsonl"
    path.write_text(f"{json.dumps(good)}\n\n{json.dumps(good | {'id': '2'} | change)}\n")
    with pytest.raises(Failed, match=rf"questions\.jsonl:3: .*{said}"):
        read(path)


@pytest.mark.parametrize("text", ["", "[" * 100_000, '"text"', '{"id": "1"', '{"id": "' + "x" * 2**20 + '"}'])
def test_what_is_no_dataset_is_refused(tmp_path, text):
    path = tmp_path / "questions.jsonl"
    path.write_text(text)
    with pytest.raises(Failed, match=r"questions\.jsonl"):
        read(path)


def test_ids_are_unique(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text(line(Question("1", "Who?", ("Ann",))) * 2)
    with pytest.raises(Failed, match="same id"):
        read(path)


@given(st.integers(1, 50), st.integers(1, 60))
def test_a_limit_is_kept_and_spreads(count, limit):
    found = spread(list(range(count)), limit)
    assert len(found) == min(count, limit)
    assert found == sorted(set(found))
    assert max(b - a for a, b in zip([*found, count], [*found[1:], count, count], strict=True)) <= (
        -(-count // len(found))
    )
