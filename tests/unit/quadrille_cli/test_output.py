import json
from datetime import UTC, datetime

from quadrille_cli.output import emit, emit_event, plain
from quadrille_client.types.image import ImageResult, Picture
from quadrille_client.types.rag import AnswerDelta
from quadrille_client.types.retrieval import Chunk, Document


def test_an_event_names_its_kind(capsys):
    emit_event(AnswerDelta("Grüße\n"))
    emit_event(ImageResult(0, Picture(b"\x89PNG", "png", 8, 8), 7), path="7.png")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"event": "answer_delta", "text": "Grüße\n"}
    assert lines[1] == {
        "event": "image_result",
        "index": 0,
        "image": {"format": "png", "width": 8, "height": 8},
        "seed": 7,
        "safety": None,
        "path": "7.png",
    }


def test_a_line_is_a_line(capsys):
    emit({"text": "two\nlines"})
    assert capsys.readouterr().out.count("\n") == 1


def test_times_and_tuples_become_json():
    document = Document("a", chunks=(Chunk("c"),), update_time=datetime(2026, 1, 2, tzinfo=UTC))
    assert plain(document)["update_time"] == "2026-01-02T00:00:00+00:00"
    assert plain(document)["chunks"][0]["text"] == "c"
