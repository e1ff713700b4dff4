"""Safety filters with random weights."""

from pathlib import Path

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessorPil

_SIDE = 32


def save_tiny_safety_checker(path: Path) -> Path:
    """Write a StableDiffusionSafetyChecker directory, with its image processor, that flags some images."""
    torch.manual_seed(6)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": _SIDE,
        "patch_size": 8,
    }
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=16))
    with torch.no_grad():
        for name, parameter in checker.named_parameters():
            if name.endswith(("concept_embeds", "care_embeds")):
                parameter.normal_()
            elif name.endswith("embeds_weights"):
                parameter.uniform_(0.45, 0.75)
            elif "patch_embedding" in name:
                parameter.mul_(30)  # untrained, all images look alike
    checker.save_pretrained(path, safe_serialization=True)
    size = {"size": {"shortest_edge": _SIDE}, "crop_size": {"height": _SIDE, "width": _SIDE}}
    CLIPImageProcessorPil(**size).save_pretrained(path)
    return path
