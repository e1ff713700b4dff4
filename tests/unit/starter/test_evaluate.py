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
    details = kept["details"]
    found = evaluate.summary(details["text"], details["image"], details.get("mixture"))
    assert {name: kept[name] for name in found} == found


def test_a_model_that_is_not_there_has_no_figure(kept: dict[str, Any]) -> None:
    found = evaluate.summary(kept["details"]["text"], {})
    assert found["image"] == {} and "mixture" not in found


def test_the_mixture_has_its_own_group(kept: dict[str, Any]) -> None:
    mixture = {
        "grounded_entities": {"exact_match": 0.5},
        "grounded_unanswerable": {"abstention": 0.25},
        "held_out": {"loss": 1.5},
    }
    assert evaluate.summary(kept["details"]["text"], {}, mixture)["mixture"] == {
        "grounded_em_entities": 0.5,
        "abstention": 0.25,
        "held_out_loss": 1.5,
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_fresh_run_measures_what_is_kept(kept: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    subprocess.run([sys.executable, "-m", "starter.evaluate", "--out", str(out)], cwd=ROOT, check=True)
    again = json.loads(out.read_text(encoding="utf-8"))
    for half in ("text", "image"):
        for name, value in kept[half].items():
            assert again[half][name] == pytest.approx(value, abs=TOLERANCE.get(name, 0.03)), name
