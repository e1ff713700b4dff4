"""The same numbers as diffusers' own pipelines, from the same noise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
)
from imagegen.denoising import DenoisingTask, forward
from imagegen.domain import ImageFormat, Sampler
from imagegen.events import RawImage
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.prompts import PromptCache
from imagegen.scheduler import Slice
from imagegen.specs import DenoiseSpec, NoiseStart
from prometheus_client import CollectorRegistry

SCHEDULERS = {
    Sampler.DDIM: DDIMScheduler,
    Sampler.EULER: EulerDiscreteScheduler,
    Sampler.EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    Sampler.DPM_SOLVER_PP: DPMSolverMultistepScheduler,
    Sampler.DDPM: DDPMScheduler,
}
SPEC = DenoiseSpec(
    "m", "a red dot", "blue", 16, 16, 6, 0, 5.0, Sampler.DDIM, (11, 12), 0, ImageFormat.PNG, NoiseStart()
)


def ours(model: DiffusionModel, spec: DenoiseSpec) -> list[np.ndarray]:  # type: ignore[type-arg]
    task = DenoisingTask(1, model, spec, PromptCache(4, ImagegenMetrics(CollectorRegistry())))
    with torch.inference_mode():
        task.begin()
        for step in range(spec.steps):
            forward([(task, Slice(1, step, 0, len(spec.seeds)))])
            task.advance(step + 1)
        task.next_stage()
        return [event.pixels for event in task.run(0) if isinstance(event, RawImage)]


@pytest.mark.parametrize("kind", ["stable_diffusion", "v_prediction"])
@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_images_equal_the_pipelines(
    paths: dict[str, Path], kind: str, sampler: Sampler, guidance: float
) -> None:
    spec = replace(SPEC, sampler=sampler, guidance_scale=guidance)
    pipeline = StableDiffusionPipeline.from_pretrained(
        paths[kind], use_safetensors=True, local_files_only=True
    )
    pipeline.scheduler = SCHEDULERS[sampler].from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        spec.prompt,
        negative_prompt=spec.negative_prompt,
        width=spec.width,
        height=spec.height,
        num_inference_steps=spec.steps,
        guidance_scale=guidance,
        num_images_per_prompt=2,
        generator=[torch.Generator().manual_seed(seed) for seed in spec.seeds],
        output_type="np",
    ).images
    model = load_model("m", str(paths[kind]), LoadOptions())
    assert isinstance(model, DiffusionModel)
    for image, reference in zip(ours(model, spec), expected, strict=True):
        assert np.abs(image.astype(int) - np.round(reference * 255).astype(int)).max() <= 1
    assert np.abs(expected[0] - expected[1]).max() > 0.1


@pytest.mark.parametrize("kind", ["stable_diffusion", "vae"])
def test_latents_equal_the_autoencoders_scaled(paths: dict[str, Path], kind: str) -> None:
    subfolder = None if kind == "vae" else "vae"
    vae = AutoencoderKL.from_pretrained(paths[kind], subfolder=subfolder, local_files_only=True)
    model = load_model("m", str(paths[kind]), LoadOptions())
    pixels = torch.rand(2, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        expected = vae.encode(pixels).latent_dist.mean * vae.config.scaling_factor
        torch.testing.assert_close(model.encode(pixels), expected)
        decoded = vae.decode(expected / vae.config.scaling_factor).sample.clamp(-1, 1)
        torch.testing.assert_close(model.decode(expected), decoded)
