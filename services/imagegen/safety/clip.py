"""StableDiffusionSafetyChecker's format: an image's CLIP embedding against those of concepts (Rando et al., 2022,
arXiv:2210.04610, describe it). The concepts' names were never published, so that flags carry their numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from torch.nn import functional
from transformers import CLIPImageProcessorPil

from imagegen.domain import Pixels
from imagegen.events import SafetyFlag
from imagegen.safety.base import SafetyChecker

# Concepts count as this much nearer once one that asks for special care is near.
_SPECIAL_CARE = 0.01


class SafetyLoadError(Exception):
    """The safety filter cannot be loaded; the message is one sentence that names the option."""


class ClipSafetyChecker(SafetyChecker):
    """Flags "concept_<number>", scored by how far the cosine passes the concept's threshold."""

    def __init__(self, checker: Any, processor: Any, device: torch.device) -> None:
        """diffusers' module, whose parts and verdicts are kept, but not its blackening; and its image processor."""
        self._processor, self._device = processor, device
        self._vision, self._projection = checker.vision_model, checker.visual_projection
        self._dtype = checker.visual_projection.weight.dtype
        self._concepts = functional.normalize(checker.concept_embeds)
        self._special = functional.normalize(checker.special_care_embeds)
        self._thresholds = checker.concept_embeds_weights.tolist()
        self._special_thresholds = checker.special_care_embeds_weights.tolist()

    def check(self, images: Sequence[Pixels]) -> list[tuple[SafetyFlag, ...]]:
        """Flags of each image, one image at a time, so that all are judged alike."""
        return [self._check(image) for image in images]

    @torch.inference_mode()
    def _check(self, image: Pixels) -> tuple[SafetyFlag, ...]:
        pixels = self._processor(images=[image], return_tensors="pt").pixel_values
        embedding = functional.normalize(
            self._projection(self._vision(pixels.to(self._device, self._dtype))[1])
        )
        special, concepts = (
            torch.mm(embedding, others.T)[0].float().tolist() for others in (self._special, self._concepts)
        )
        nearer = 0.0
        for cosine, threshold in zip(special, self._special_thresholds, strict=True):
            if round(cosine - threshold + nearer, 3) > 0:
                nearer = _SPECIAL_CARE
        scores = [
            round(cosine - threshold + nearer, 3)
            for cosine, threshold in zip(concepts, self._thresholds, strict=True)
        ]
        flags = [SafetyFlag(f"concept_{number}", score) for number, score in enumerate(scores) if score > 0]
        return tuple(sorted(flags, key=lambda flag: -flag.score))


def load_clip_checker(folder: Path, device: torch.device, dtype: torch.dtype) -> ClipSafetyChecker:
    """The filter in a folder, from safetensors; its image processor lies there too, or in a pipeline's folder for it.

    Raises SafetyLoadError.
    """
    try:
        checker = StableDiffusionSafetyChecker.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype=dtype
        )
        own = (folder / "preprocessor_config.json").is_file()
        source = folder if own else folder.parent / "feature_extractor"
        processor = CLIPImageProcessorPil.from_pretrained(source, local_files_only=True)
    except Exception as error:
        # The loaders raise nearly anything on a foreign or damaged folder.
        raise SafetyLoadError(f"safety_checker {str(folder)!r} cannot be loaded: {error}") from error
    return ClipSafetyChecker(checker.to(device).eval().requires_grad_(False), processor, device)
