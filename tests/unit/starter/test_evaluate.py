"""The cards' figures: named as documented, and what a fresh run measures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from starter import evaluate

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "starter" / "evaluation.json"
# Rounding differs between machines, and with it a few answers and pictures.
TOLERANCE = {"prose_perplexity": 2.0, "vae_psnr_db": 0.2}


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text(encoding="utf-8"))


def test_the_summary_says_what_the_details_say(kept: dict[str, Any]) -> None:
    found = evaluate.summary(kept["details"])
    assert {name: kept[name] for name in found} == found


def test_a_model_that_is_not_there_has_no_figure(kept: dict[str, Any]) -> None:
    found = evaluate.summary({"text": kept["details"]["text"], "image": {}})
    assert found["image"] == {} and found.keys() == {"text", "image"}


def test_other_models_have_groups_of_their_own(kept: dict[str, Any]) -> None:
    mixture = {
        "grounded_entities": {"exact_match": 0.5},
        "grounded_unanswerable": {"abstention": 0.25},
        "held_out": {"loss": 1.5},
    }
    seq2seq = {"summary": {"exact_match": 0.75}, "translation": {"exact_match": 0.875}}
    found = evaluate.summary(kept["details"] | {"mixture": mixture, "seq2seq": seq2seq})
    assert found["mixture"] == {"grounded_em_entities": 0.5, "abstention": 0.25, "held_out_loss": 1.5}
    assert found["seq2seq"] == {"summary_em": 0.75, "translation_em": 0.875}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_fresh_run_measures_what_is_kept(kept: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    subprocess.run([sys.executable, "-m", "starter.evaluate", "--out", str(out)], cwd=ROOT, check=True)
    again = json.loads(out.read_text(encoding="utf-8"))
    for group in again.keys() - {"details", "environment", "seconds"}:
        for name, value in kept[group].items():
            assert again[group][name] == pytest.approx(value, abs=TOLERANCE.get(name, 0.03)), name
