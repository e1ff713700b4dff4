"""What an image's file says about its own making: text chunks of a PNG, and the definition of a C2PA manifest."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from imagegen.specs import DenoiseSpec, ImageStart, WalkStart

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def describe(spec: DenoiseSpec, seed: int) -> dict[str, str]:
    """Text chunks for an image of `spec` that `seed` made."""
    text = {
        "prompt": spec.prompt,
        "negative_prompt": spec.negative_prompt,
        "seed": str(seed),
        "steps": str(spec.steps),
        "guidance_scale": "" if spec.sampler is None else f"{spec.guidance_scale:g}",
        "sampler": "" if spec.sampler is None else spec.sampler.value,
        "truncation": "" if spec.truncation is None else f"{spec.truncation:g}",
        "model": spec.model,
        "loras": ", ".join(f"{lora.name}={lora.scale:g}" for lora in spec.loras),
        "Software": "Quadrille",
    }
    if isinstance(spec.start, ImageStart):
        text["first_step"] = str(spec.first_step)
    if isinstance(spec.start, WalkStart):
        text["end_prompt"] = spec.start.end_prompt
        text["interpolation"] = spec.start.method.value
    return {key: value for key, value in text.items() if value}


def manifest(model: str, model_version: str, text: Mapping[str, str], *, edited: bool) -> dict[str, Any]:
    """Definition of a manifest that says an image was created by a model, with `text` as the action's parameters.

    An image that was made from the caller's own counts as composite; what it was made from is not kept.
    """
    source = "compositeWithTrainedAlgorithmicMedia" if edited else "trainedAlgorithmicMedia"
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _SOURCE_TYPES + source,
        "softwareAgent": {"name": model, "version": model_version},
        "parameters": {key: value for key, value in text.items() if key not in ("model", "Software")},
    }
    return {
        "claim_generator_info": [{"name": "Quadrille", "version": version("quadrille")}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
