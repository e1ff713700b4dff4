import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadrille_client.types.retrieval import Hit

from benchmarks.relevance import data
from benchmarks.relevance.measure import _spans, ratios
from benchmarks.relevance.scores import Overlap, ndcg, overlap
from benchmarks.relevance.splitters import SPLITTERS, fixed
from benchmarks.relevance.table import markdown

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(tuple), max_size=5)


def test_ndcg_of_a_ranking_worked_by_hand():
    grades = {"a": 1, "b": 1, "c": 1}
    ideal = 1 + 1 / math.log2(3) + 0.5
    assert ndcg(["x", "a", "y", "b"], grades, 10) == pytest.approx(
        (1 / math.log2(3) + 1 / math.log2(5)) / ideal
    )
    assert ndcg(["a", "b", "c"], grades, 10) == 1
    assert ndcg(["a"], grades, 1) == 1, "the ideal is cut at the same depth"
    assert ndcg(["x"], grades, 10) == ndcg(["x"], {}, 10) == 0


def test_overlap_worked_by_hand():
    assert overlap([(0, 10), (5, 15)], [(8, 12)]) == Overlap(precision=4 / 20, recall=1, iou=4 / 20)
    assert overlap([(0, 10)], [(8, 12), (20, 24)]) == Overlap(precision=2 / 10, recall=2 / 8, iou=2 / 16)
    assert overlap([], [(0, 4)]) == Overlap(0, 0, 0)


@given(SPANS, st.integers(0, 20), st.integers(1, 10))
def test_recall_is_of_characters(found, first, length):
    held = {place for a, b in found for place in range(a, b)}
    wanted = set(range(first, first + length))
    score = overlap(found, [(first, first + length)])
    assert score.recall == pytest.approx(len(held & wanted) / length)
    assert score.iou <= min(score.precision, score.recall) or not held


@given(st.text(alphabet="aé漢 .\n", max_size=60), st.integers(2, 20), st.integers(0, 10))
def test_fixed_chunks_are_slices_that_cover_the_text(text, size, overlap):
    chunks, encoded = fixed(text, size, min(overlap, size // 2)), text.encode()
    assert all(encoded[c.start_byte : c.end_byte].decode() == c.text for c in chunks)
    assert all(len(chunk.text) == size for chunk in chunks[:-1])
    assert chunks[0].start_byte == 0 and chunks[-1].end_byte == len(encoded)
    assert len(SPLITTERS) == 2


def test_trec_files(tmp_path):
    (tmp_path / "doc-text.trec").write_text(
        "<DOC>\n<DOCNO>1</DOCNO>\na b\nc\n</DOC>\n<DOC>\n<DOCNO>2</DOCNO>\nd\n</DOC>\n"
    )
    (tmp_path / "query-text.trec").write_text(
        "<top>\n<num>1</num><title>\nA B\n</title>\n</top>\n<top>\n<num>2</num><title>\nC\n</title>\n</top>\n"
    )
    (tmp_path / "qrels").write_text("1 0 2 1\n")
    found = data.vaswani(tmp_path)
    assert found == data.Judged({"1": "a b c", "2": "d"}, ["A B"], [{"2": 1}]), (
        "unjudged questions are left out"
    )


def test_evidence_files(tmp_path):
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "one.md").write_text("größe zählt")
    reference = json.dumps([{"content": "zählt", "start_index": 6, "end_index": 11}]).replace('"', '""')
    (tmp_path / "questions_df.csv").write_text(f'question,references,corpus_id\nWhy?,"{reference}",one\n')
    texts, (asked,) = data.evidence(tmp_path)
    ((first, last),) = asked.spans
    assert texts[asked.text][first:last] == "zählt"


def test_paragraphs_that_hold_an_answer_are_relevant():
    found = data.xquad()
    assert (len(found.texts), len(found.questions)) == (240, 1190)
    assert all(found.grades)


def test_hits_are_spans_in_characters_and_those_elsewhere_are_not_evidence():
    hits = [
        Hit(f"{name}#0", name, 0, text, "", "", start, start + len(text.encode()), {}, 1.0, None, None, "")
        for name, text, start in (("one", "zählt", 8), ("two", "abc", 0))
    ]
    spans = _spans(hits, "one", "größe zählt")
    assert spans == [(6, 11), (-3, 0)]
    assert overlap(spans, [(6, 11)]).precision == 5 / 8


ROWS = [
    *(
        {"data": name, "mode": mode, "questions": 3, "texts": 9, "ndcg_at_10": score, "recall_at_1": score}
        | {"recall_at_3": 1.0, "recall_at_5": 1.0}
        for name, scores in (("vaswani", (0.4, 0.3, 0.45)), ("xquad", (0.8, 0.9, 0.89)))
        for mode, score in zip(("dense", "lexical", "hybrid"), scores, strict=True)
    ),
    *(
        {"data": "chunking", "splitter": name, "size": 800, "overlap": 100, "chunks": 7, "precision": 0.1}
        | {"recall": recall, "iou": 0.1}
        for name, recall in (("ours", 0.9), ("fixed", 0.6))
    ),
]


def test_hybrid_is_held_to_the_better_of_the_others_and_chunks_to_those_of_fixed_size():
    found = ratios(ROWS)
    assert found["hybrid_gain_vaswani_ndcg_at_10"].value == 0.05
    assert found["hybrid_gain_xquad_recall_at_1"].value == -0.01
    assert found["largest_hybrid_gain"].value == 0.05
    assert (found["recall_to_fixed_800_100"].value, found["recall_to_fixed_800_100"].goal) == (1.5, None)
    assert found["iou_to_fixed_800_100"].goal == 1
    assert ratios(ROWS[3:6]).keys() == {"hybrid_gain_xquad_recall_at_1", "largest_hybrid_gain"}


def test_the_page_tells_every_row_and_who_is_missing():
    result = {
        "command": "python -m benchmarks relevance",
        "machine": {"cpu": "A processor", "cores": 2, "memory_gib": 23.5},
        "versions": {"torch": "2", "faiss-cpu": "1"},
        "rows": [*ROWS, {"data": "other", "absent": "it is not here"}],
        "ratios": {"recall_to_x": {"value": 1.2, "goal": 1.0, "better": "higher"}},
    }
    lines = markdown(result).splitlines()
    assert "| vaswani, hybrid | 3 | 9 | 0.45 | 0.45 | 1 | 1 |" in lines
    assert "| ours, 800 with 100 shared | 7 | 0.1 | 0.9 | 0.1 |" in lines
    assert lines[-1] == "other is absent: it is not here."
