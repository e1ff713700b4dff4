"""Every figure of the model cards in one go: `python -m starter.evaluate --out FILE`, about ten minutes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from starter.image import evaluate as image_evaluation
from starter.parts import begin
from starter.seq2seq import evaluate as seq2seq_evaluation
from starter.seq2seq.data import TASKS
from starter.text import evaluate as text_evaluation
from starter.text import evaluate_mixture as mixture_evaluation

HERE = Path(__file__).parent


def measured(questions: int, pictures: int) -> dict[str, dict[str, Any]]:
    """Figures of every model, two processes at a time; the longest first."""
    rest = [part for part in image_evaluation.PARTS if part != "transformer"]
    jobs: list[tuple[str, Callable[..., dict[str, Any]], dict[str, Any]]] = [
        ("text", text_evaluation.evaluate, {"count": questions}),
        ("image", image_evaluation.evaluate, {"count": pictures, "of": ("transformer",)}),
        ("image", image_evaluation.evaluate, {"count": pictures, "of": rest}),
        ("mixture", mixture_evaluation.evaluate, {"count": questions}),
        ("seq2seq", seq2seq_evaluation.evaluate, {"count": questions}),
    ]
    details: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(2, get_context("spawn"), begin, (1,)) as pool:
        running = [(name, pool.submit(measure, **options)) for name, measure, options in jobs]
        for name, job in running:
            details[name] = details.get(name, {}) | job.result()
    return details


def summary(details: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The figures that are looked at first, by name; a model that is not there has none."""
    text, image = details["text"], details["image"]
    entities = text["grounded_entities"]
    found: dict[str, dict[str, float]] = {
        "text": {
            "grounded_em_entities": entities["exact_match"],
            "grounded_em_templates": text["grounded_templates"]["exact_match"],
            "grounded_em_relations": text["grounded_relations"]["exact_match"],
            "abstention": text["grounded_unanswerable"]["abstention"],
            "false_abstention": entities["false_abstention"],
            "citation": entities["citation"],
            "xquad_em": text["xquad"]["exact_match"],
            "xquad_f1": text["xquad"]["f1"],
            "prose_perplexity": text["held_out_prose"]["perplexity"],
        },
        "image": {},
    }
    for name, network in (("sd", "unet"), ("dit", "transformer")):
        if network in image:
            found["image"][f"{name}_joint_seen"] = image[network]["seen"]["joint"]
            found["image"][f"{name}_joint_heldout"] = image[network]["held_out"]["joint"]
    if "vae" in image:
        found["image"]["vae_psnr_db"] = image["vae"]["psnr_db"]
    if "gan" in image:
        found["image"] |= {
            f"gan_{name}": f["colour_and_shape"] for name, f in image["gan"].items() if "psi" in name
        }
    if mixture := details.get("mixture"):
        found["mixture"] = {
            "grounded_em_entities": mixture["grounded_entities"]["exact_match"],
            "abstention": mixture["grounded_unanswerable"]["abstention"],
            "held_out_loss": mixture["held_out"]["loss"],
        }
    if seq2seq := details.get("seq2seq"):
        found["seq2seq"] = {f"{task}_em": seq2seq[task]["exact_match"] for task in TASKS}
    return found


def environment() -> dict[str, Any]:
    """What the figures were measured on."""
    libraries = {module.__name__: module.__version__ for module in (torch, transformers, diffusers)}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        **libraries,
    }


def main() -> None:
    """Measure the models side by side and write one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m starter.evaluate", description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "evaluation.json")
    parser.add_argument("--questions", type=int, default=200, help="questions of each kind")
    parser.add_argument("--pictures", type=int, default=384, help="pictures of each kind")
    options = parser.parse_args()
    begun = time.monotonic()
    details = measured(options.questions, options.pictures)
    found = summary(details)
    written = found | {
        "details": details,
        "environment": environment(),
        "seconds": round(time.monotonic() - begun),
    }
    options.out.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
