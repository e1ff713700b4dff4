"""Every figure of the model cards in one go: `python -m starter.evaluate --out FILE`, about five minutes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from starter.image import evaluate as image_evaluation
from starter.text import evaluate as text_evaluation
from starter.text import evaluate_mixture as mixture_evaluation

HERE = Path(__file__).parent


def text_figures(count: int) -> dict[str, Any]:
    """Figures of the language model, on one core."""
    torch.set_num_threads(1)
    return text_evaluation.evaluate(count=count)


def mixture_figures(count: int) -> dict[str, Any] | None:
    """Figures of the mixture of experts, on one core; None where it has not been trained."""
    torch.set_num_threads(1)
    return mixture_evaluation.evaluate(count=count) if mixture_evaluation.MODEL.exists() else None


def image_figures(count: int) -> dict[str, Any]:
    """Figures of the image models, on one core."""
    torch.set_num_threads(1)
    return image_evaluation.evaluate(count=count)


def summary(
    text: dict[str, Any], image: dict[str, Any], mixture: dict[str, Any] | None = None
) -> dict[str, dict[str, float]]:
    """The figures that are looked at first, by name; a model that is not there has none."""
    entities = text["grounded_entities"]
    found = {
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
    if mixture:
        found["mixture"] = {
            "grounded_em_entities": mixture["grounded_entities"]["exact_match"],
            "abstention": mixture["grounded_unanswerable"]["abstention"],
            "held_out_loss": mixture["held_out"]["loss"],
        }
    if "vae" in image:
        found["image"]["vae_psnr_db"] = image["vae"]["psnr_db"]
    if "gan" in image:
        found["image"] |= {
            f"gan_{name}": f["colour_and_shape"] for name, f in image["gan"].items() if "psi" in name
        }
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
    """Measure text and images side by side and write one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m starter.evaluate", description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "evaluation.json")
    parser.add_argument("--questions", type=int, default=200, help="questions of each kind")
    parser.add_argument("--pictures", type=int, default=512, help="pictures of each kind")
    options = parser.parse_args()
    begun = time.monotonic()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        halves = pool.submit(text_figures, options.questions), pool.submit(image_figures, options.pictures)
        text, image = (half.result() for half in halves)
        mixture = pool.submit(mixture_figures, options.questions).result()
    found = summary(text, image, mixture)
    written = found | {
        "details": {"text": text, "image": image} | ({"mixture": mixture} if mixture else {}),
        "environment": environment(),
        "seconds": round(time.monotonic() - begun),
    }
    options.out.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
