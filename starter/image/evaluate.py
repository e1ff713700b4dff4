"""Measures the image models: what their pictures show, against what their captions say.

Run at the repository's root: `python -m starter.image.evaluate`. The judge is analytic (`judge.py`); a small
network trained on true pictures (`classifier.py`) checks it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline
from imagegen.models.gan import StyleGenerator, load_generator, read_config
from rich.progress import track

from . import classifier, judge
from .captions import caption
from .gan import label, sample_thing
from .models import GUIDANCE_SCALES, STEPS
from .render import Array, render
from .scenes import SIZE, Scene, sample_scene

HERE = Path(__file__).parent
BATCH = 32
PIPELINES = {"unet": ("model", StableDiffusionPipeline), "transformer": ("flow", StableDiffusion3Pipeline)}
PARTS = ("true_pictures", *PIPELINES, "vae", "gan")


def load(folder: Path, kind: type[Any]) -> Any:
    """A pipeline of class `kind`, from safetensors in `folder`."""
    # A missing third text encoder has to be named.
    absent = {"text_encoder_3": None, "tokenizer_3": None} if kind is StableDiffusion3Pipeline else {}
    pipeline = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, **absent)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(
    pipeline: Any, captions: list[str], *, guidance_scale: float, seed: int = 0, steps: int = STEPS
) -> Array:
    """Pictures for `captions`, shape (len, SIZE, SIZE, 3), in [0, 1]; one seed per picture."""
    done = []
    # Where a third text encoder is missing, its zero tokens take time and change nothing.
    options = {"max_sequence_length": 1} if isinstance(pipeline, StableDiffusion3Pipeline) else {}
    for first in track(range(0, len(captions), BATCH), "drawing"):
        part = captions[first : first + BATCH]
        generators = [torch.Generator().manual_seed(seed + first + i) for i in range(len(part))]
        images = pipeline(
            part,
            generator=generators,
            output_type="np",
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            height=SIZE,
            width=SIZE,
            **options,
        ).images
        done.append(images.astype(np.float32))
    return np.concatenate(done)


def score(
    scenes: list[Scene], drawn: Array, checker: classifier.Classifier | None = None
) -> dict[str, float]:
    """Shares of pictures that are right in each attribute and in all; what the checker says of the last."""
    verdicts = [judge.score(scene, picture) for scene, picture in zip(scenes, drawn, strict=True)]
    figures = {name: float(np.mean([verdict[name] for verdict in verdicts])) for name in judge.ATTRIBUTES}
    if checker:
        checked = classifier.right(checker, scenes, drawn)
        figures["joint_by_classifier"] = float(np.mean(checked))
        joint = [verdict["joint"] for verdict in verdicts]
        figures["classifier_agrees"] = float(np.mean([a == b for a, b in zip(joint, checked, strict=True)]))
    return {"pictures": len(scenes)} | {name: round(value, 4) for name, value in figures.items()}


def cases(count: int) -> dict[str, tuple[list[Scene], list[str]]]:
    """Scenes of seen and of held-out combinations, and their complete captions."""
    drawn = {}
    for name, held_out in (("seen", False), ("held_out", True)):
        rng = random.Random(f"evaluation {name}")
        scenes = [sample_scene(rng, held_out=held_out) for _ in range(count)]
        drawn[name] = (scenes, [caption(scene, rng, complete=True) for scene in scenes])
    return drawn


def true_figures(count: int, checker: classifier.Classifier | None) -> dict[str, Any]:
    """How often judge and classifier are right on pictures that are right by construction."""
    return {
        name: score(scenes, render(scenes, random.Random(f"true {name}")), checker)
        for name, (scenes, _) in cases(count).items()
    }


def denoiser_figures(
    name: str, folder: Path, kind: type[Any], count: int, checker: classifier.Classifier | None
) -> dict[str, Any]:
    """Figures of the denoiser of that name in the pipeline in `folder`."""
    pipeline = load(folder, kind)
    guidance_scale = GUIDANCE_SCALES[name]
    figures: dict[str, Any] = {
        "parameters": sum(weights.numel() for weights in getattr(pipeline, name).parameters()),
        "steps": STEPS,
        "guidance_scale": guidance_scale,
    }
    for case, (scenes, captions) in cases(count).items():
        figures[case] = score(scenes, draw(pipeline, captions, guidance_scale=guidance_scale), checker)
    return figures


@torch.no_grad()
def vae_figures(vae: Any, *, count: int = 256) -> dict[str, float]:
    """Fidelity of the autoencoder on scenes of all combinations."""
    rng = random.Random("evaluation vae")
    scenes = [sample_scene(rng, held_out=None) for _ in range(count)]
    x = classifier.as_pixels(render(scenes, rng))
    decoded = torch.cat([vae(part).sample.clamp(-1, 1) for part in torch.split(x, BATCH)])
    errors = ((decoded - x) / 2).square().mean(dim=(1, 2, 3))
    psnr = -10 * math.log10(float(errors.mean()))
    shown = ((decoded + 1) / 2).permute(0, 2, 3, 1).contiguous().numpy()
    joint = score(scenes, shown)["joint"]
    return {
        "psnr_db": round(psnr, 2),
        "worst_psnr_db": round(-10 * math.log10(float(errors.max())), 2),
        "joint": joint,
    }


@torch.no_grad()
def gan_figures(model: StyleGenerator, *, count: int = 384) -> dict[str, Any]:
    """Fidelity and variety of the generator at several truncations."""
    rng = random.Random("evaluation gan")
    scenes = [sample_thing(rng) for _ in range(count)]
    labels = torch.tensor([label(scene) for scene in scenes])
    latents = torch.randn(count, model.config.latent_dim, generator=torch.Generator().manual_seed(0))
    figures: dict[str, Any] = {"parameters": sum(weights.numel() for weights in model.parameters())}
    for psi in (0.5, 0.8, 1.0):
        parts = zip(torch.split(latents, BATCH), torch.split(labels, BATCH), strict=True)
        drawn = torch.cat([(model(z, y, psi) + 1) / 2 for z, y in parts]).permute(0, 2, 3, 1).numpy()
        seen = [judge.read(np.ascontiguousarray(picture)) for picture in drawn]
        right = [
            len(things) == 1
            and (things[0].colour, things[0].shape) == (scene.things[0].colour, scene.things[0].shape)
            and things[0].iou >= judge.MIN_IOU
            for scene, (_, things) in zip(scenes, seen, strict=True)
        ]
        looks = {(ground, things[0].size) for ground, things in seen if len(things) == 1}
        figures[f"psi_{psi}"] = {
            "colour_and_shape": round(float(np.mean(right)), 4),
            "backgrounds_and_sizes": len(looks),  # of 8 x 3
        }
    return figures


def evaluate(folder: Path = HERE, *, count: int = 384, of: Collection[str] = PARTS) -> dict[str, Any]:
    """Figures of those parts `of` PARTS that are in `folder`; `count` pictures of each kind."""
    checker = classifier.load(folder / "checker") if (folder / "checker").is_dir() else None
    figures: dict[str, Any] = {}
    if "true_pictures" in of:
        figures["true_pictures"] = true_figures(count, checker)
    for name, (part, kind) in PIPELINES.items():
        if name in of and (folder / part / name).is_dir():
            figures[name] = denoiser_figures(name, folder / part, kind, count, checker)
    if "vae" in of and (folder / "model" / "vae").is_dir():
        figures["vae"] = vae_figures(load(folder / "model", StableDiffusionPipeline).vae)
    if "gan" in of and (folder / "gan" / "config.json").is_file():
        figures["gan"] = gan_figures(load_generator(folder / "gan", read_config(folder / "gan")).float())
    return figures


def main() -> None:
    """Print the figures of the shipped models, or of those given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--models", type=Path, default=HERE, help="a folder with model, flow, gan and checker"
    )
    parser.add_argument("--count", type=int, default=384, help="pictures of each kind")
    options = parser.parse_args()
    print(json.dumps(evaluate(options.models, count=options.count), indent=2))


if __name__ == "__main__":
    main()
