"""Tiny working models with random weights, for tests: real formats, real code paths, milliseconds a step."""

from imagegen.testing.flow import save_tiny_flux, save_tiny_sd3
from imagegen.testing.loras import save_tiny_lora
from imagegen.testing.parts import CELL, PROMPT_TOKENS, SIDE, save_tiny_vae
from imagegen.testing.pipelines import save_tiny_ddpm, save_tiny_dit, save_tiny_pipeline
from imagegen.testing.safety import save_tiny_safety_checker
from imagegen.testing.stable_diffusion import save_tiny_inpainting, save_tiny_sd2, save_tiny_sdxl
from imagegen.testing.style_generator import LABELS, save_tiny_gan

__all__ = [
    "CELL",
    "LABELS",
    "PROMPT_TOKENS",
    "SIDE",
    "save_tiny_ddpm",
    "save_tiny_dit",
    "save_tiny_flux",
    "save_tiny_gan",
    "save_tiny_inpainting",
    "save_tiny_lora",
    "save_tiny_pipeline",
    "save_tiny_safety_checker",
    "save_tiny_sd2",
    "save_tiny_sd3",
    "save_tiny_sdxl",
    "save_tiny_vae",
]
