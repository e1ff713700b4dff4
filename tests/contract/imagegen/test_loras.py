"""Adapters of every family change images as diffusers' own do, and nothing else."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    FluxPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from imagegen.denoising import DenoisingTask, forward
from imagegen.domain import Guidance, HeldLora, ImageFormat
from imagegen.metrics import ImagegenMetrics
from imagegen.models.base import DiffusionModel
from imagegen.models.loading import LoadOptions, load_model
from imagegen.models.lora import lora_reader
from imagegen.prompts import PromptCache
from imagegen.scheduler import Slice
from imagegen.specs import DenoiseSpec, NoiseStart
from imagegen.testing import save_tiny_lora
from prometheus_client import CollectorRegistry
from serving.loras import LoraOptions, Loras

STEPS = 3
PIPELINES = {
    "stable_diffusion": StableDiffusionPipeline,
    "stable_diffusion_2": StableDiffusionPipeline,
    "stable_diffusion_xl": StableDiffusionXLPipeline,
    "stable_diffusion_3": StableDiffusion3Pipeline,
    "stable_diffusion_3_t5": StableDiffusion3Pipeline,
    "flux": FluxPipeline,
}
SETS = [{"one": 1.0}, {"two": 0.5}, {"one": 0.7, "two": -1.3}]


def spec_of(model: DiffusionModel) -> DenoiseSpec:
    sampler = model.description.samplers[0]
    prompt = "goldfish" if model.description.labels else "a red dot"
    has_negative = prompt == "a red dot" and model.description.guidance is Guidance.CLASSIFIER_FREE
    negative = "blue" if has_negative else ""
    return DenoiseSpec(
        "m", prompt, negative, 16, 16, STEPS, 0, 5.0, sampler, (11, 12), 0, ImageFormat.PNG, NoiseStart()
    )


def load(paths: dict[str, Path], kind: str, dtype: torch.dtype = torch.float32) -> DiffusionModel:
    model = load_model("m", str(paths[kind]), LoadOptions(dtype=dtype))
    assert isinstance(model, DiffusionModel)
    return model


def adapters(model: DiffusionModel, folder: Path, *, kohya: bool = False) -> Loras:
    """Two in files, loaded."""
    for seed, name in enumerate(("one", "two"), 1):
        save_tiny_lora(folder / name, model.lora_parts, seed=seed, rank=1 + seed, kohya=kohya)
    options = LoraOptions(folder, max_count=2, max_rank=3, max_bytes=10**7)
    loras = Loras(lora_reader(model, options), options)
    asyncio.run(loras.load("one"))
    asyncio.run(loras.load("two"))
    return loras


def held(loras: Loras, chosen: Mapping[str, float]) -> tuple[HeldLora, ...]:
    return tuple(HeldLora(loras.get(name), scale) for name, scale in chosen.items())


def latents(model: DiffusionModel, loras: tuple[HeldLora, ...] = ()) -> torch.Tensor:
    """What a request's rows become, [2, c, h, w]."""
    cache = PromptCache(4, ImagegenMetrics(CollectorRegistry()))
    task = DenoisingTask(1, model, spec_of(model), cache, loras)
    task.begin()
    for step in range(STEPS):
        forward([(task, Slice(1, step, 0, 2))])
        task.advance(step + 1)
    return task._sample


def expected(pipeline: Any, spec: DenoiseSpec) -> torch.Tensor:
    result: torch.Tensor = pipeline(
        spec.prompt,
        negative_prompt=spec.negative_prompt or None,
        width=spec.width,
        height=spec.height,
        num_inference_steps=spec.steps,
        guidance_scale=spec.guidance_scale,
        num_images_per_prompt=len(spec.seeds),
        generator=[torch.Generator().manual_seed(seed) for seed in spec.seeds],
        output_type="latent",
    ).images
    if isinstance(pipeline, FluxPipeline):
        result = pipeline._unpack_latents(result, spec.height, spec.width, pipeline.vae_scale_factor)
    return result


# PEFT warns of a second adapter, which is what is wanted.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")
@pytest.mark.parametrize(
    ("kind", "kohya"),
    [*((kind, False) for kind in PIPELINES), ("stable_diffusion", True), ("stable_diffusion_xl", True)],
)
@torch.inference_mode()
def test_adapters_act_as_in_the_pipeline(
    paths: dict[str, Path], tmp_path: Path, kind: str, kohya: bool
) -> None:
    model = load(paths, kind)
    spec = spec_of(model)
    plain = latents(model)
    loras = adapters(model, tmp_path, kohya=kohya)
    absent = {"text_encoder_3": None, "tokenizer_3": None} if kind == "stable_diffusion_3" else {}
    pipeline: Any = PIPELINES[kind].from_pretrained(paths[kind], local_files_only=True, **absent)
    pipeline.set_progress_bar_config(disable=True)
    for name in ("one", "two"):
        pipeline.load_lora_weights(
            tmp_path / name, weight_name="pytorch_lora_weights.safetensors", adapter_name=name
        )
    for chosen in SETS:
        pipeline.set_adapters(list(chosen), list(chosen.values()))
        found = latents(model, held(loras, chosen))
        torch.testing.assert_close(found, expected(pipeline, spec), atol=1e-4, rtol=0)
        assert not torch.allclose(found, plain, atol=0.1)
    assert torch.equal(latents(model), plain)


@torch.inference_mode()
def test_a_part_of_a_model_without_a_loader_of_adapters(paths: dict[str, Path], tmp_path: Path) -> None:
    """diffusers has none for DiT: weights that have the adapters merged into them say what is expected."""
    model, merged = load(paths, "dit"), load(paths, "dit")
    plain, loras = latents(model), adapters(model, tmp_path)
    for each in held(loras, SETS[-1]):
        for layer, (down, up) in each.adapter.weights.items():
            weight = merged.lora_parts["transformer"].get_submodule(layer.removeprefix("transformer.")).weight
            weight += each.scale * (up.flatten(1) @ down.flatten(1)).view_as(weight)
    found = latents(model, held(loras, SETS[-1]))
    largest = found.abs().max()  # hundreds: this network is far from trained
    torch.testing.assert_close(found / largest, latents(merged) / largest, atol=1e-5, rtol=0)
    assert not torch.allclose(found, plain, atol=0.1)
    assert torch.equal(latents(model), plain)


@pytest.mark.parametrize("kind", [*PIPELINES, "dit"])
@torch.inference_mode()
def test_layers_that_look_for_adapters_give_what_they_gave(
    paths: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    model = load(paths, kind)
    plain = latents(model)
    adapters(model, tmp_path)
    assert torch.equal(latents(model), plain)


@pytest.mark.parametrize("kind", [*PIPELINES, "dit"])
@torch.inference_mode()
def test_adapters_act_in_half_precision_too(paths: dict[str, Path], tmp_path: Path, kind: str) -> None:
    model = load(paths, kind, torch.bfloat16)
    plain = latents(model)
    found = latents(model, held(adapters(model, tmp_path), SETS[-1]))
    assert torch.isfinite(found).all()
    assert not torch.allclose(found, plain, atol=0.1)


@pytest.mark.parametrize("kind", ["ddpm", "gan"])
def test_other_families_have_no_parts_for_adapters(paths: dict[str, Path], kind: str) -> None:
    assert not load(paths, kind).lora_parts
