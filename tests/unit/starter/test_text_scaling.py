"""The study resumes, and its page says what its JSON says."""

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedTokenizerFast

from starter.checkpoint import learning_rate
from starter.folder import load_tokenizer
from starter.text import heldout, scaling, scaling_analysis, scaling_report, train
from starter.text.model import SIZES, count
from starter.text.power_law import Law

STARTER = Path(__file__).parents[3] / "starter"
FOLDER = STARTER / "text" / "model"
LAW = Law(0.8, 300, 0.4, 5000, 0.6)
ALL = (*scaling.DENSE, *scaling.COMPARED)


def test_the_rate_is_constant_and_then_falls_as_a_line() -> None:
    rates = [learning_rate(step, 1000, 1.0, cooldown=0.2) for step in range(1000)]
    assert rates[0] < 0.05 and set(rates[50:801]) == {1.0}
    assert np.diff(rates[800:]) == pytest.approx(-1 / 200)
    longer = [learning_rate(step, 2000, 1.0, cooldown=0.2) for step in range(801)]
    assert longer == rates[:801]


def test_losses_are_taken_evenly_in_logarithms_before_the_rate_falls() -> None:
    steps = scaling.measured_at(700)
    assert steps == sorted(set(steps)) and len(steps) == scaling.POINTS + 1
    assert steps[-1] == 700 and steps[-2] == 595
    assert np.ptp(np.diff(np.log(steps[:-1]))) < 0.05


def test_the_data_do_not_depend_on_how_long_training_is() -> None:
    tokenizer = load_tokenizer(FOLDER)
    first, second = (next(train.batches(tokenizer, 0, 0, scaling.plan_of(steps))) for steps in (64, 640))
    assert [e.ids for e in first] == [e.ids for e in second]


class _StopError(Exception):
    pass


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> PreTrainedTokenizerFast:
    monkeypatch.setattr(train, "compiled", lambda module: module)
    monkeypatch.setattr(train, "SAVE_EVERY", 4)
    plan = scaling.plan_of
    monkeypatch.setattr(scaling, "plan_of", lambda steps: replace(plan(steps), batch_tokens=256))
    return load_tokenizer(FOLDER)


def test_an_interrupted_size_goes_on_and_a_finished_one_is_only_read(
    quick: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = heldout.batches(quick, count=1)

    def run(work: Path) -> dict[str, Any]:
        return scaling.study(work, quick, "nano", steps=12, held_out=held_out, prompts=2)

    whole = run(tmp_path / "whole")
    losses, calls = heldout.losses, []

    def stopping(*arguments: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 6:
            raise _StopError
        return losses(*arguments)

    monkeypatch.setattr(heldout, "losses", stopping)
    with pytest.raises(_StopError):
        run(tmp_path / "parts")
    monkeypatch.setattr(heldout, "losses", losses)
    parts = run(tmp_path / "parts")
    assert parts["points"] == whole["points"]
    assert [point["step"] for point in parts["points"]] == scaling.measured_at(12)
    assert parts["points"][-1]["loss"] < parts["points"][0]["loss"]
    assert [point["steady"] for point in parts["points"]][-2:] == [True, False]
    monkeypatch.setattr(scaling, "train", None)
    assert run(tmp_path / "parts") == parts
    monkeypatch.setattr(scaling, "train", train.train)
    scaling.save_trained(tmp_path / "parts", quick, "nano", tmp_path / "out")
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="float32")
    assert sum(p.numel() for p in saved.parameters()) == parts["parameters"]["all"]


def _record(size: str, scale: float = 1.0) -> dict[str, Any]:
    shape = SIZES[size]
    parameters = {"nano": 335_376, "micro": 715_760, "tiny": 1_529_216}
    total = parameters.get(size, {"default": 10_203_840, "mixture": 6_765_824}.get(size, 3_656_960))
    active = 3_669_248 if size == "mixture" else total
    points = []
    for step in scaling.measured_at(700):
        tokens = 3072 * step
        loss = scale * float(LAW.loss(np.array(active), np.array(tokens)))
        points.append(
            {"step": step, "tokens": tokens, "flops": 6 * active * tokens, "steady": step <= 595}
            | {"loss": round(loss, 4), "answers": round(loss / 2, 4), "prose": round(loss * 2, 4)}
        )
    return {
        "size": size,
        "steps": 700,
        "seed": 0,
        "shape": vars(shape),
        "plan": {"batch_tokens": 3072, "cooldown": 0.15, "warmup": 50},
        "parameters": {"all": total, "without_embeddings": total - 200_000, "active": active},
        "machine": {"cpu": "Processor", "threads": 1},
        "versions": {"python": "3.11"},
        "points": points,
        "seconds_per_step": 0.5,
        "few_shot": {f"{kind}_tasks_{shots}": 0.25 for kind in ("trained", "new") for shots in (0, 4)},
        "few_shot_prompts": 200,
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scaling_analysis.laws, "__defaults__", (12,))
    for name in ALL:
        record = _record(name, 0.95 if name == "mixture" else 1.0)
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    (tmp_path / "text").mkdir()
    return tmp_path


def test_the_page_says_what_the_json_says(place: Path) -> None:
    scaling_report.write(place, scaling.DENSE, scaling.COMPARED, place)
    study = json.loads((place / "text" / "scaling.json").read_text())
    page = (place / "SCALING.md").read_text()
    assert page == scaling_report.render(study) and "$" not in page
    law = study["fit"]["law"]
    assert law["alpha"] == pytest.approx(LAW.alpha, abs=0.02)
    assert f"N^{law['alpha']:.3g} " in page
    low, high = study["fit"]["ranges"]["alpha"]
    assert low <= high
    for record in study["sizes"].values():
        assert f"{record['parameters']['all']:,}" in page
        assert all(f"{point['loss']:.3f}" in page for point in record["points"])
    assert re.search(r"mixture's loss is 4\.\d% lower", page) or "5.0% lower" in page
    changed = copy.deepcopy(study)
    changed["fit"]["law"]["alpha"] = 0.123
    changed["equal_compute"][-1]["mixture"] *= 2
    other = scaling_report.render(changed)
    assert "N^0.123 " in other and "higher than" in other
    picture = (place / "scaling.svg").read_bytes()
    assert picture.startswith(b"<?xml")
    scaling_report.write(place, scaling.DENSE, scaling.COMPARED, place)
    assert (place / "scaling.svg").read_bytes() == picture


def test_the_mixture_has_no_part_in_the_laws(place: Path) -> None:
    arguments = (place, {}, scaling.DENSE, scaling.COMPARED)
    before = scaling_report.gather(*arguments)["fit"]
    (place / "mixture.json").write_text(json.dumps(_record("mixture", 3.0)))
    assert scaling_report.gather(*arguments)["fit"] == before


def test_losses_at_equal_compute_are_read_off_the_curves(place: Path) -> None:
    study = scaling_report.gather(place, {}, scaling.DENSE, scaling.COMPARED)
    for row in study["equal_compute"]:
        assert row["mixture"] / row["lean"] == pytest.approx(0.95, abs=0.003)
    assert study["equal_compute"][0]["default"] is None  # it has not spent so little
    assert study["equal_compute"][-1]["default"] is not None


def test_sizes_of_different_plans_or_missing_ones_are_refused(place: Path) -> None:
    (place / "nano.json").write_text(json.dumps(_record("nano") | {"steps": 800}))
    with pytest.raises(SystemExit, match="different plans"):
        scaling_report.gather(place, {}, scaling.DENSE, scaling.COMPARED)
    (place / "nano.json").unlink()
    with pytest.raises(SystemExit, match="not trained yet: nano"):
        scaling_report.gather(place, {}, scaling.DENSE, scaling.COMPARED)


def test_every_size_of_the_study_has_the_heads_that_are_guided() -> None:
    for name in ALL:
        assert SIZES[name].layers >= 5 and SIZES[name].heads >= 3
        assert SIZES[name].width % SIZES[name].heads == 0


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    return json.loads((STARTER / "text" / "scaling.json").read_text(encoding="utf-8"))


def test_the_page_in_the_tree_is_that_of_the_study_in_the_tree(study: dict[str, Any]) -> None:
    assert (STARTER / "SCALING.md").read_text(encoding="utf-8") == scaling_report.render(study)
    assert study["dense"] == list(scaling.DENSE)
    sizes = [study["sizes"][name]["parameters"]["all"] for name in scaling.DENSE]
    assert sizes == sorted(sizes) and sizes[-1] > 30 * sizes[0]


def test_the_small_model_in_the_tree_is_the_studys(study: dict[str, Any]) -> None:
    folder, record = STARTER / "text" / "micro", study["sizes"]["micro"]
    model = LlamaForCausalLM.from_pretrained(folder, dtype="float32").eval()
    assert count(model).all == record["parameters"]["all"]
    losses = heldout.losses(model, heldout.batches(load_tokenizer(folder)))
    for name, loss in losses.items():
        assert loss == pytest.approx(record["points"][-1][name], abs=0.05), name  # it is stored in bfloat16
