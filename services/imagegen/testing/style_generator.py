"""Directories of a GAN's generator."""

from pathlib import Path

import torch

from imagegen.models.gan import GeneratorConfig, StyleGenerator
from imagegen.testing.parts import SIDE

LABELS = ("red circle", "blue square", "green ring")


def save_tiny_gan(path: Path) -> Path:
    """Write a StyleGenerator directory."""
    torch.manual_seed(5)
    generator = StyleGenerator(
        GeneratorConfig(
            image_size=SIDE,
            block_size=2,
            latent_dim=6,
            style_dim=8,
            channels=(16, 8),
            labels=LABELS,
            default_truncation=0.7,
        )
    )
    with torch.no_grad():
        generator.out.weight.mul_(2)  # untrained, labels and latents are hardly seen
    generator.measure_average()
    generator.save(path)
    return path
