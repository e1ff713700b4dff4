import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from imagegen.domain import Capability, Conditioning, Guidance, Sampler, ScoreMethod
from imagegen.models.base import DiffusionModel, ModelInput
from imagegen.models.inpainting import StableDiffusionInpaintModel
from imagegen.models.loading import LoadOptions, ModelLoadError, load_model
from imagegen.models.loading.weights import find_variant
from imagegen.models.stable_diffusion import StableDiffusionModel
from imagegen.testing import LABELS, save_tiny_flux
from safetensors.torch import load_file, save_file


def test_pipeline_says_what_it_is(pipeline_path: Path) -> None:
    model = load_model("x", str(pipeline_path), LoadOptions(max_size=1024)).description
    assert (model.id, model.architecture) == ("x", "StableDiffusionPipeline")
    assert (model.default_width, model.max_size, model.size_granularity) == (16, 32, 2)
    assert (model.latent_shape, model.samplers[0]) == ((4, 8, 8), Sampler.DDIM)
    assert model.capabilities == frozenset(Capability)
    assert (model.dtype, model.device) == ("float32", "cpu")
    assert (model.conditioning, model.guidance) == (Conditioning.TEXT, Guidance.CLASSIFIER_FREE)
    assert model.parameter_count > 100_000


def test_a_directory_may_have_defaults_of_its_own(pipeline_path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    options = LoadOptions(default_steps=20, default_guidance_scale=7.5)
    says = copy / "generation_config.json"
    for own, steps, scale in (
        ({"guidance_scale": 0.0, "num_inference_steps": 30, "eta": 1}, 30, 0.0),
        ({"num_inference_steps": 10**6}, None, 7.5),
        ({}, 20, 7.5),
    ):
        says.write_text(json.dumps(own))
        model = load_model("x", str(copy), options).description
        assert model.default_steps == (steps or min(model.max_steps.values()))
        assert model.default_guidance_scale == scale
    for wrong in ('{"guidance_scale": -1}', '{"num_inference_steps": 0}', "[]", "{"):
        says.write_text(wrong)
        with pytest.raises(ModelLoadError, match="copy"):
            load_model("x", str(copy), options)


def test_bare_autoencoder(vae_path: Path) -> None:
    model = load_model("v", str(vae_path), LoadOptions(max_size=65)).description
    assert (model.architecture, model.samplers, model.max_size) == ("AutoencoderKL", (), 64)
    assert Capability.GENERATE not in model.capabilities


def test_a_flow_matching_transformer_says_what_it_is(family_paths: dict[str, Path]) -> None:
    model = load_model("x", str(family_paths["sd3"]), LoadOptions()).description
    assert model.architecture == "StableDiffusion3Pipeline"
    assert (model.samplers, model.capabilities) == ((Sampler.FLOW_MATCH_EULER,), frozenset(Capability))
    # A patch is two latent cells of two pixels each; positions end at twice the trained size.
    assert (model.default_width, model.max_size, model.size_granularity) == (16, 32, 4)
    assert (model.conditioning, model.guidance) == (Conditioning.TEXT, Guidance.CLASSIFIER_FREE)


def test_a_model_of_two_text_encoders_says_what_it_is(family_paths: dict[str, Path]) -> None:
    model = load_model("x", str(family_paths["sdxl"]), LoadOptions()).description
    assert (model.architecture, model.samplers[0]) == ("StableDiffusionXLPipeline", Sampler.DDIM)
    assert (model.default_width, model.max_size, model.size_granularity) == (16, 32, 2)
    assert (model.conditioning, model.guidance) == (Conditioning.TEXT, Guidance.CLASSIFIER_FREE)


def test_an_inpainting_pipelines_u_net_need_not_see_the_image(
    pipeline_path: Path, family_paths: dict[str, Path], tmp_path: Path
) -> None:
    seeing = load_model("x", str(family_paths["inpainting"]), LoadOptions())
    assert isinstance(seeing, StableDiffusionInpaintModel)
    assert (seeing.description.latent_shape, seeing.noise_channels) == ((4, 8, 8), 4)
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    index = json.loads((copy / "model_index.json").read_text())
    index["_class_name"] = "StableDiffusionInpaintPipeline"
    (copy / "model_index.json").write_text(json.dumps(index))
    assert type(load_model("x", str(copy), LoadOptions())) is StableDiffusionModel


def test_guidance_may_have_been_distilled(family_paths: dict[str, Path], tmp_path: Path) -> None:
    model = load_model("x", str(family_paths["flux"]), LoadOptions()).description
    assert (model.architecture, model.samplers) == ("FluxPipeline", (Sampler.FLOW_MATCH_EULER,))
    assert (model.guidance, model.default_guidance_scale) == (Guidance.DISTILLED, 3.5)
    # A token is two latent cells of two pixels each; the size is that of the autoencoder.
    assert (model.default_width, model.max_size, model.size_granularity) == (16, 32, 4)
    assert model.latent_shape == (4, 8, 8)
    other = load_model("x", str(save_tiny_flux(tmp_path, distilled=False)), LoadOptions()).description
    assert (other.guidance, other.default_guidance_scale) == (Guidance.NONE, 0.0)


def test_classes_are_the_labels_of_a_diffusion_transformer(family_paths: dict[str, Path]) -> None:
    model = load_model("x", str(family_paths["dit"]), LoadOptions()).description
    assert (model.architecture, model.conditioning) == ("DiTPipeline", Conditioning.LABEL)
    assert model.labels == ("tench", "Tinca tinca", "goldfish")
    assert (model.default_width, model.max_size, model.size_granularity) == (16, 16, 16)


def test_classes_without_labels_are_numbers(family_paths: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(family_paths["dit"], tmp_path / "copy")
    for labels, found in ((None, 1000), ({"1000": "x"}, None), ({"5": "five"}, 1)):
        index = json.loads((copy / "model_index.json").read_text())
        (copy / "model_index.json").write_text(json.dumps(index | {"id2label": labels}))
        if found is None:
            with pytest.raises(ModelLoadError, match="id2label"):
                load_model("x", str(copy), LoadOptions())
        else:
            assert len(load_model("x", str(copy), LoadOptions()).description.labels) == found


def test_an_unconditional_model_offers_neither_prompts_nor_latents(family_paths: dict[str, Path]) -> None:
    model = load_model("x", str(family_paths["ddpm"]), LoadOptions()).description
    assert (model.architecture, model.samplers[0]) == ("DDPMPipeline", Sampler.DDPM)
    assert (model.conditioning, model.guidance) == (Conditioning.NONE, Guidance.NONE)
    assert model.capabilities.isdisjoint({Capability.ENCODE, Capability.DECODE})
    assert model.score_methods == (ScoreMethod.PROBABILITY_FLOW,)
    assert (model.latent_shape, model.size_granularity) == ((3, 16, 16), 2)


def test_a_generator_says_what_it_is(family_paths: dict[str, Path]) -> None:
    model = load_model("x", str(family_paths["gan"]), LoadOptions()).description
    assert (model.architecture, model.samplers, model.default_steps) == ("StyleGenerator", (), 1)
    assert model.capabilities == {Capability.GENERATE, Capability.INTERPOLATE, Capability.DECODE}
    assert (model.labels, model.default_truncation) == (LABELS, 0.7)
    assert (model.default_width, model.max_size, model.latent_shape) == (16, 16, (8, 1, 1))


@pytest.mark.parametrize("kind", ["dit", "gan"])
def test_images_of_one_size_must_fit_the_limit_before_weights_are_read(
    family_paths: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(family_paths[kind], tmp_path / "copy")
    for weights in copy.rglob("*.safetensors"):
        weights.unlink()
    with pytest.raises(ModelLoadError, match="max_size"):
        load_model("x", str(copy), LoadOptions(max_size=15))


@pytest.mark.parametrize("kind", ["sdxl", "inpainting", "sd3", "flux", "dit", "ddpm", "gan"])
@torch.inference_mode()
def test_number_type_is_the_denoisers(family_paths: dict[str, Path], kind: str, pipeline_path: Path) -> None:
    for path in (family_paths[kind], pipeline_path):
        model = load_model("x", str(path), LoadOptions(dtype=torch.bfloat16))
        assert isinstance(model, DiffusionModel)
        about = model.description
        assert about.dtype == "bfloat16"
        prompt = model.encode_prompt(about.labels[0] if about.labels else "")
        noise = torch.zeros(1, model.noise_channels, *about.latent_shape[1:])
        number = torch.ones(1)
        prediction = model.predict(
            ModelInput(noise, number, tuple(part[None] for part in prompt), number, number)
        )
        assert prediction.dtype == torch.float32 and prediction.isfinite().all()


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_pickled_weights_are_refused(pipeline_path: Path, tmp_path: Path, part: str) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    (safe,) = (copy / part).glob("*.safetensors")
    torch.save(load_file(safe), safe.with_suffix(".bin"))
    safe.unlink()
    with pytest.raises(ModelLoadError, match=f"copy.*its {part} has no safetensors weights"):
        load_model("x", str(copy), LoadOptions())


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_missing_weights_are_not_drawn_at_random(pipeline_path: Path, tmp_path: Path, part: str) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    (file,) = (copy / part).glob("*.safetensors")
    weights = load_file(file)
    gone = next(name for name in weights if name.endswith("bias"))
    save_file({name: weights[name] for name in weights if name != gone}, file, {"format": "pt"})
    with pytest.raises(ModelLoadError, match=f"copy.*its {part} has no {gone}, and lacks 1 in all"):
        load_model("x", str(copy), LoadOptions())


@pytest.mark.parametrize(
    ("kind", "part", "named"),
    [
        ("sdxl", "text_encoder_2", ["transformers", "CLIPTextModel"]),
        ("sdxl", "text_encoder", [None, None]),
        ("sd3", "vae", ["diffusers", "AutoencoderTiny"]),
        ("flux", "text_encoder_2", ["my_code", "MyEncoder"]),
    ],
)
def test_parts_of_other_classes_are_refused(
    family_paths: dict[str, Path], tmp_path: Path, kind: str, part: str, named: list[str | None]
) -> None:
    copy = shutil.copytree(family_paths[kind], tmp_path / "copy")
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps(index | {part: named}))
    with pytest.raises(ModelLoadError, match=f"copy.*its {part} is {named[1] or 'absent'}, not "):
        load_model("x", str(copy), LoadOptions())


def test_weights_may_be_of_a_variant(pipeline_path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    plain = [*copy.rglob("*.safetensors")]
    assert len(plain) == 3
    for weights in plain:
        weights.rename(weights.with_suffix(".fp16.safetensors"))
    model = load_model("x", str(copy), LoadOptions()).description
    assert model == load_model("x", str(pipeline_path), LoadOptions()).description
    unet = copy / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(unet.with_suffix(".fp16.safetensors"), unet.with_suffix(".non_ema.safetensors"))
    with pytest.raises(ModelLoadError, match="its unet has several variants of its weights: fp16, non_ema"):
        load_model("x", str(copy), LoadOptions())
    unet.with_suffix(".fp16.safetensors").rename(unet)
    assert load_model("x", str(copy), LoadOptions()).description == model


def test_variants_in_several_files_are_found_by_their_index(tmp_path: Path) -> None:
    for name, variant in (
        ("model.safetensors.index.json", None),
        ("diffusion_pytorch_model.safetensors.index.fp16.json", "fp16"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).touch()
        (folder / "model.fp32-00001-of-00002.safetensors").touch()
        assert find_variant(folder) == variant


@pytest.mark.parametrize(
    ("file", "changes", "named"),
    [
        ("model_index.json", {"_class_name": ["my_code", "MyPipeline"]}, "MyPipeline"),
        ("model_index.json", {"_class_name": "KolorsPipeline"}, "KolorsPipeline"),
        ("unet/config.json", {"in_channels": 9}, "U-Net takes 9 channels"),
        ("unet/config.json", {"addition_embed_type": "text_time"}, "addition_embed_type, text_time"),
        ("unet/config.json", {"class_embed_type": "timestep"}, "class_embed_type, timestep"),
        ("unet/config.json", {"num_class_embeds": 1000}, "num_class_embeds, 1000"),
        ("unet/config.json", {"encoder_hid_dim_type": "image_proj"}, "encoder_hid_dim_type, image_proj"),
        ("unet/config.json", {"time_cond_proj_dim": 256}, "time_cond_proj_dim, 256"),
        ("unet/config.json", {"sample_size": [8, 8]}, "sample_size"),
        ("vae/config.json", {"latent_channels": 8}, "latents have 8"),
        ("vae/config.json", {"latents_mean": [0.0] * 4}, "latents_mean"),
        ("scheduler/scheduler_config.json", {"_class_name": "EDMEulerScheduler"}, "EDMEulerScheduler"),
        ("scheduler/scheduler_config.json", {"_class_name": "LCMScheduler"}, "LCMScheduler"),
    ],
)
def test_other_kinds_of_model_are_refused(
    pipeline_path: Path, tmp_path: Path, file: str, changes: dict[str, object], named: str
) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    config = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(config | changes))
    with pytest.raises(ModelLoadError, match=f"copy.*{named}"):
        load_model("x", str(copy), LoadOptions())


@pytest.mark.parametrize(
    ("kind", "file", "changes", "named"),
    [
        ("sdxl", "model_index.json", {"requires_aesthetics_score": True}, "aesthetics"),
        ("sdxl", "unet/config.json", {"addition_embed_type": "image"}, "addition_embed_type, image"),
        ("sdxl", "unet/config.json", {"addition_time_embed_dim": 4}, "addition_time_embed_dim, 4"),
        ("sdxl", "unet/config.json", {"addition_time_embed_dim": None}, "addition_time_embed_dim, None"),
        ("inpainting", "unet/config.json", {"in_channels": 8}, "U-Net takes 8 channels"),
        ("inpainting", "unet/config.json", {"sample_size": None}, "sample_size"),
        ("sd3", "transformer/config.json", {"in_channels": 16}, "transformer takes 16 channels"),
        ("sd3", "scheduler/scheduler_config.json", {"_class_name": "DDIMScheduler"}, "DDIMScheduler"),
        ("sd3", "scheduler/scheduler_config.json", {"stochastic_sampling": True}, "stochastic_sampling"),
        ("sd3", "generation_config.json", {"max_sequence_length": 513}, "max_sequence_length"),
        ("flux", "transformer/config.json", {"in_channels": 96}, "in_channels, 96"),
        ("flux", "transformer/config.json", {"out_channels": 4}, "out_channels, 4"),
        ("flux", "transformer/config.json", {"patch_size": 2}, "patch_size, 2"),
        ("flux", "vae/config.json", {"sample_size": None}, "sample_size"),
        ("flux", "scheduler/scheduler_config.json", {"invert_sigmas": True}, "invert_sigmas"),
        ("dit", "transformer/config.json", {"sample_size": None}, "sample_size"),
        ("ddpm", "unet/config.json", {"in_channels": 1}, "U-Net maps 1 channels"),
        ("ddpm", "unet/config.json", {"num_class_embeds": 10}, "num_class_embeds"),
        ("ddpm", "unet/config.json", {"time_embedding_type": "fourier"}, "time_embedding_type"),
        ("gan", "config.json", {"architecture": "Other"}, "Other"),
        ("gan", "config.json", {"block_size": 4}, "block_size"),
        ("gan", "config.json", {"latent_dim": 5}, "size mismatch"),
    ],
)
def test_variants_that_are_not_served_are_refused(
    family_paths: dict[str, Path],
    tmp_path: Path,
    kind: str,
    file: str,
    changes: dict[str, object],
    named: str,
) -> None:
    copy = shutil.copytree(family_paths[kind], tmp_path / "copy")
    config = json.loads((copy / file).read_text()) if (copy / file).is_file() else {}
    (copy / file).write_text(json.dumps(config | changes))
    with pytest.raises(ModelLoadError, match=rf"(?s)copy.*{named}"):
        load_model("x", str(copy), LoadOptions())


def test_missing_and_empty_directories(tmp_path: Path) -> None:
    for reference in (str(tmp_path), str(tmp_path / "absent")):
        with pytest.raises(ModelLoadError, match="cannot be loaded"):
            load_model("x", reference, LoadOptions())


def test_a_directory_needs_no_network(
    pipeline_path: Path, vae_path: Path, family_paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for path in (pipeline_path, vae_path, *family_paths.values()):
        load_model("x", str(path), LoadOptions())
