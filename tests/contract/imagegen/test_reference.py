"""The same numbers as diffusers' own pipelines, step by step, from the same noise."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FluxPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UniPCMultistepScheduler,
)
from imagegen.denoising import DenoisingTask, forward
from imagegen.domain import ImageFormat, Sampler
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.gan import load_generator, read_config
from imagegen.models.loading import LoadOptions, load_model
from imagegen.pixels import to_tensor
from imagegen.prompts import PromptCache
from imagegen.scheduler import Slice
from imagegen.specs import DenoiseSpec, ImageStart, NoiseStart
from PIL import Image
from prometheus_client import CollectorRegistry

SCHEDULERS = {
    Sampler.DDIM: DDIMScheduler,
    Sampler.EULER: EulerDiscreteScheduler,
    Sampler.EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    Sampler.DPM_SOLVER_PP: DPMSolverMultistepScheduler,
    Sampler.DDPM: DDPMScheduler,
    Sampler.UNIPC: UniPCMultistepScheduler,
}
STEPS = [1, 2, 6, 25]
SPEC = DenoiseSpec(
    "m", "a red dot", "blue", 16, 16, 6, 0, 5.0, Sampler.DDIM, (11, 12), 0, ImageFormat.PNG, NoiseStart()
)

FLOW = replace(SPEC, sampler=Sampler.FLOW_MATCH_EULER)


@pytest.fixture(scope="module")
def ours(paths: dict[str, Path]) -> Callable[[str], DiffusionModel]:
    @cache
    def load(kind: str) -> DiffusionModel:
        model = load_model("m", str(paths[kind]), LoadOptions())
        assert isinstance(model, DiffusionModel)
        return model

    return load


@pytest.fixture(scope="module")
def theirs(paths: dict[str, Path]) -> Callable[[str, Any], Any]:
    @cache
    def load(kind: str, pipeline_class: Any) -> Any:
        # A third text encoder that is absent has to be named.
        absent = {"text_encoder_3": None, "tokenizer_3": None} if kind == "stable_diffusion_3" else {}
        pipeline = pipeline_class.from_pretrained(
            paths[kind], use_safetensors=True, local_files_only=True, **absent
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return load


def start(model: DiffusionModel, spec: DenoiseSpec) -> DenoisingTask:
    task = DenoisingTask(1, model, spec, PromptCache(4, ImagegenMetrics(CollectorRegistry())))
    task.begin()
    return task


def trajectories(*tasks: DenoisingTask) -> list[list[torch.Tensor]]:
    """Samples after each step of tasks that share their forwards, each leaving when it is done."""
    samples: list[list[torch.Tensor]] = [[] for _ in tasks]
    for step in range(max(task.stage.steps for task in tasks)):
        parts = [
            (task, Slice(index, step, 0, task.stage.rows))
            for index, task in enumerate(tasks)
            if step < task.stage.steps
        ]
        forward(parts)
        for task, part in parts:
            task.advance(step + 1)
            samples[part.id].append(task._sample)
    return samples


def reference(pipeline: Any, spec: DenoiseSpec, **options: Any) -> list[torch.Tensor]:
    """Samples after each step of the pipeline's own loop."""
    samples: list[torch.Tensor] = []

    def record(_: Any, step: int, timestep: Any, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        samples.append(values["latents"])
        return values

    defaults: dict[str, Any] = {"negative_prompt": spec.negative_prompt}
    if "width" in inspect.signature(pipeline.__call__).parameters:  # edits without a mask go by the image
        defaults |= {"width": spec.width, "height": spec.height}
    pipeline(
        spec.prompt,
        num_inference_steps=spec.steps,
        guidance_scale=spec.guidance_scale,
        num_images_per_prompt=len(spec.seeds),
        generator=[torch.Generator().manual_seed(seed) for seed in spec.seeds],
        output_type="latent",
        callback_on_step_end=record,
        **(defaults | options),
    )
    return samples


def assert_equal(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    # Random networks do move, and the rows are two images.
    assert not torch.allclose(found[-1][0], found[-1][1], atol=0.1)


@pytest.mark.parametrize("kind", ["stable_diffusion", "v_prediction", "stable_diffusion_2"])
@pytest.mark.parametrize("sampler", list(SCHEDULERS))
@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("steps", STEPS)
@torch.inference_mode()
def test_every_sampler_takes_the_pipelines_steps(
    ours: Any, theirs: Any, kind: str, sampler: Sampler, guidance: float, steps: int
) -> None:
    spec = replace(SPEC, sampler=sampler, guidance_scale=guidance, steps=steps)
    pipeline = theirs(kind, StableDiffusionPipeline)
    pipeline.scheduler = SCHEDULERS[sampler].from_config(pipeline.scheduler.config)
    (found,) = trajectories(start(ours(kind), spec))
    assert_equal(found, reference(pipeline, spec))


@pytest.mark.parametrize("kind", ["stable_diffusion_xl", "stable_diffusion_xl_empty"])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize(("negative", "size"), [("blue", (16, 16)), ("", (8, 24))])
@torch.inference_mode()
def test_two_text_encoders_and_the_size_are_heard_as_in_the_pipeline(
    ours: Any, theirs: Any, kind: str, guidance: float, negative: str, size: tuple[int, int]
) -> None:
    spec = replace(SPEC, guidance_scale=guidance, negative_prompt=negative, width=size[0], height=size[1])
    (found,) = trajectories(start(ours(kind), spec))
    # An empty negative prompt is none: that is where the pipeline may take zeros.
    pipeline = theirs(kind, StableDiffusionXLPipeline)
    assert_equal(found, reference(pipeline, spec, negative_prompt=negative or None))


@pytest.mark.parametrize(
    ("kind", "kind_of_pipeline"),
    [
        ("inpainting", StableDiffusionInpaintPipeline),
        ("inpainting_xl", StableDiffusionXLInpaintPipeline),
    ],
)
@pytest.mark.parametrize("guidance", [1.0, 5.0])
@torch.inference_mode()
def test_a_denoiser_that_sees_the_image_inpaints_as_the_pipeline(
    ours: Any, theirs: Any, kind: str, kind_of_pipeline: Any, guidance: float
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    mask = np.zeros((16, 24), dtype=bool)
    mask[3:11, 6:17] = True
    spec = replace(SPEC, guidance_scale=guidance, width=24, start=ImageStart(picture, mask))
    model, task = ours(kind), start(ours(kind), spec)
    left = to_tensor([np.where(mask[..., None], 127.5, picture)])
    # The pipeline draws the latent of what is left, and begins with noise alone.
    expected = reference(
        theirs(kind, kind_of_pipeline),
        spec,
        image=Image.fromarray(picture),
        mask_image=Image.fromarray(mask),
        masked_image_latents=model.encode(left),
        latents=task._sample,
        strength=1.0,
    )
    (found,) = trajectories(task)
    assert_equal(found, expected)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sampler", list(SCHEDULERS))
@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize(("steps", "first_step"), [(2, 1), (4, 1), (8, 3)])
@torch.inference_mode()
def test_edits_take_the_pipelines_steps(
    ours: Any, theirs: Any, masked: bool, sampler: Sampler, guidance: float, steps: int, first_step: int
) -> None:
    kind = "stable_diffusion"
    pipeline = theirs(kind, StableDiffusionInpaintPipeline if masked else StableDiffusionImg2ImgPipeline)
    pipeline.scheduler = SCHEDULERS[sampler].from_config(pipeline.scheduler.config)
    spec = replace(SPEC, sampler=sampler, guidance_scale=guidance, steps=steps, first_step=first_step)
    mask = np.zeros((16, 16), dtype=bool)
    mask[4:12, 6:14] = True  # whole cells: the pipeline takes a cell's first pixel for all of them
    (found,), expected = edited(ours(kind), pipeline, spec, mask if masked else None)
    assert_equal(found, expected)


@pytest.mark.parametrize("kind", ["stable_diffusion_3", "stable_diffusion_3_t5"])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize(("steps", "first_step"), [(4, 1), (8, 3)])
@torch.inference_mode()
def test_flow_matching_edits_take_the_pipelines_steps(
    ours: Any, theirs: Any, kind: str, guidance: float, steps: int, first_step: int
) -> None:
    spec = replace(FLOW, guidance_scale=guidance, steps=steps, first_step=first_step)
    (found,), expected = edited(ours(kind), theirs(kind, StableDiffusion3Img2ImgPipeline), spec)
    assert_equal(found, expected)


def edited(
    model: DiffusionModel, pipeline: Any, spec: DenoiseSpec, mask: np.ndarray[Any, Any] | None = None
) -> tuple[list[list[torch.Tensor]], list[torch.Tensor]]:
    """Our samples and the pipeline's after each step of an edit."""
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    # The pipeline would draw the image's latent, too.
    latents = model.encode(to_tensor([picture])).repeat(2, 1, 1, 1)
    masks = {"mask_image": Image.fromarray(mask), "masked_image_latents": latents} if mask is not None else {}
    strength = 1 - spec.first_step / spec.steps
    found = trajectories(start(model, replace(spec, start=ImageStart(picture, mask))))
    return found, reference(pipeline, spec, image=latents, strength=strength, **masks)


@pytest.mark.parametrize("kind", ["stable_diffusion_3", "stable_diffusion_3_t5"])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("steps", STEPS)
@torch.inference_mode()
def test_flow_matching_takes_the_pipelines_steps(
    ours: Any, theirs: Any, kind: str, guidance: float, steps: int
) -> None:
    spec = replace(FLOW, guidance_scale=guidance, steps=steps)
    (found,) = trajectories(start(ours(kind), spec))
    assert_equal(found, reference(theirs(kind, StableDiffusion3Pipeline), spec))


@pytest.mark.parametrize(("kind", "guidance"), [("flux", 1.0), ("flux", 3.5), ("flux_undistilled", 0.0)])
@pytest.mark.parametrize("size", [(16, 16), (8, 24)])
@pytest.mark.parametrize("steps", STEPS)
@torch.inference_mode()
def test_packed_flow_matching_takes_the_pipelines_steps(
    ours: Any, theirs: Any, kind: str, guidance: float, size: tuple[int, int], steps: int
) -> None:
    (width, height), model = size, ours(kind)
    spec = replace(FLOW, negative_prompt="", guidance_scale=guidance, steps=steps, width=width, height=height)
    pipeline = theirs(kind, FluxPipeline)
    (found,) = trajectories(start(model, spec))
    expected = [
        unpacked(pipeline, packed, spec) for packed in reference(pipeline, spec, negative_prompt=None)
    ]
    assert_equal(found, expected)
    images = pipeline.vae.decode(expected[-1] / 0.5 + 0.25).sample.clamp(-1, 1)
    torch.testing.assert_close(model.decode(found[-1]), images, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_packed_rows_of_all_guidance_scales_share_their_forwards(ours: Any, theirs: Any) -> None:
    specs = [
        replace(FLOW, steps=6, guidance_scale=9.0, prompt="a", negative_prompt="", seeds=(1, 2)),
        replace(FLOW, steps=4, guidance_scale=0.5, prompt="", negative_prompt="", seeds=(3, 4)),
    ]
    pipeline = theirs("flux", FluxPipeline)
    found = trajectories(*(start(ours("flux"), spec) for spec in specs))
    for mine, spec in zip(found, specs, strict=True):
        expected = reference(pipeline, spec, negative_prompt=None)
        assert_equal(mine, [unpacked(pipeline, packed, spec) for packed in expected])


def unpacked(pipeline: Any, latents: torch.Tensor, spec: DenoiseSpec) -> torch.Tensor:
    found: torch.Tensor = pipeline._unpack_latents(
        latents, spec.height, spec.width, pipeline.vae_scale_factor
    )
    return found


@torch.inference_mode()
def test_flow_matching_rows_of_all_kinds_share_their_forwards(ours: Any, theirs: Any) -> None:
    kind = "stable_diffusion_3_t5"
    specs = [
        replace(FLOW, steps=9, guidance_scale=3.0, prompt="a", negative_prompt="", seeds=(1, 2)),
        replace(FLOW, steps=4, guidance_scale=1.0, prompt="b c", seeds=(3, 4)),
        replace(FLOW, steps=6, guidance_scale=7.5, prompt="", negative_prompt="d", seeds=(5, 6)),
    ]
    found = trajectories(*(start(ours(kind), spec) for spec in specs))
    for mine, spec in zip(found, specs, strict=True):
        assert_equal(mine, reference(theirs(kind, StableDiffusion3Pipeline), spec))


@torch.inference_mode()
def test_a_flow_model_may_name_its_sequence_length(theirs: Any, paths: dict[str, Path]) -> None:
    for kind in ("stable_diffusion_3", "stable_diffusion_3_t5"):
        says = paths[kind] / "generation_config.json"
        says.write_text('{"max_sequence_length": 3}')
        try:
            model = load_model("m", str(paths[kind]), LoadOptions())
        finally:
            says.unlink()
        assert isinstance(model, DiffusionModel)
        spec = replace(FLOW, steps=3)
        (found,) = trajectories(start(model, spec))
        pipeline = theirs(kind, StableDiffusion3Pipeline)
        assert_equal(found, reference(pipeline, spec, max_sequence_length=3))
        assert model.encode_prompt("a")[0].shape == (16 + 3, 32)


@pytest.mark.parametrize("sampler", [Sampler.DDPM, Sampler.DDIM])
@pytest.mark.parametrize("steps", [1, 6, 25])
@torch.inference_mode()
def test_unconditional_images_equal_the_pipelines(
    ours: Any, theirs: Any, sampler: Sampler, steps: int
) -> None:
    spec = replace(SPEC, sampler=sampler, prompt="", negative_prompt="", guidance_scale=0.0, steps=steps)
    pipeline = theirs("ddpm", DDPMPipeline)
    pipeline.scheduler = SCHEDULERS[sampler].from_config(pipeline.scheduler.config)
    expected = pipeline(2, generator=generators(spec), num_inference_steps=steps, output_type="pt").images
    (found,) = trajectories(start(ours("ddpm"), spec))
    assert_equal([(found[-1] / 2 + 0.5).clamp(0, 1)], [expected])


@pytest.mark.parametrize("steps", [1, 6, 25])
@torch.inference_mode()
def test_unconditional_images_of_a_deterministic_pipeline_equal_its_own(
    ours: Any, theirs: Any, steps: int
) -> None:
    spec = replace(SPEC, sampler=None, prompt="", negative_prompt="", guidance_scale=0.0, steps=steps)
    pipeline = theirs("ddim", DDIMPipeline)
    images = pipeline(2, generator=generators(spec), num_inference_steps=steps, output_type="np").images
    (found,) = trajectories(start(ours("ddim"), spec))
    assert_equal([(found[-1] / 2 + 0.5).clamp(0, 1)], [torch.from_numpy(images).permute(0, 3, 1, 2)])


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("steps", [1, 6, 25])
@torch.inference_mode()
def test_class_conditional_images_equal_the_pipelines(
    ours: Any, theirs: Any, guidance: float, steps: int
) -> None:
    spec = replace(SPEC, prompt="goldfish", negative_prompt="", guidance_scale=guidance, steps=steps)
    pipeline, model = theirs("dit", DiTPipeline), ours("dit")
    expected = pipeline(
        pipeline.get_label_ids(["goldfish", "goldfish"]),
        guidance_scale=guidance,
        generator=generators(spec),
        num_inference_steps=steps,
        output_type="pt",
    ).images
    (found,) = trajectories(start(model, spec))
    assert_equal([(model.decode(found[-1]) / 2 + 0.5).clamp(0, 1)], [expected])


@pytest.mark.parametrize("psi", [0.0, 0.5, 1.0])
@torch.inference_mode()
def test_generated_images_equal_the_generators_own(ours: Any, paths: dict[str, Path], psi: float) -> None:
    spec = replace(SPEC, prompt="blue square", steps=1, sampler=None, truncation=psi)
    model = ours("gan")
    (found,) = trajectories(start(model, spec))
    generator = load_generator(paths["gan"], read_config(paths["gan"]))
    noise = torch.stack([torch.randn(6, 1, 1, generator=g)[:, 0, 0] for g in generators(spec)])
    expected = generator(noise, torch.tensor([1, 1]), psi)
    torch.testing.assert_close(model.decode(found[-1]), expected, atol=1e-5, rtol=0)
    assert torch.allclose(expected[0], expected[1]) == (psi == 0)


def generators(spec: DenoiseSpec) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in spec.seeds]


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
