import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from imagegen.domain import Capability, Sampler
from imagegen.models.loading import LoadOptions, ModelLoadError, load_model


def test_pipeline_says_what_it_is(pipeline_path: Path) -> None:
    model = load_model("x", str(pipeline_path), LoadOptions(max_size=1024)).description
    assert (model.id, model.architecture) == ("x", "StableDiffusionPipeline")
    assert (model.default_width, model.max_size, model.size_granularity) == (16, 32, 2)
    assert (model.latent_shape, model.samplers[0]) == ((4, 8, 8), Sampler.DDIM)
    assert model.capabilities == frozenset(Capability)
    assert (model.dtype, model.device) == ("float32", "cpu")
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


def test_number_type_is_the_denoisers(pipeline_path: Path) -> None:
    model = load_model("x", str(pipeline_path), LoadOptions(dtype=torch.bfloat16))
    assert model.description.dtype == "bfloat16"


def test_pickled_weights_are_refused(pipeline_path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    safe = copy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, safe.with_suffix(".bin"))
    safe.unlink()
    with pytest.raises(ModelLoadError, match="copy"):
        load_model("x", str(copy), LoadOptions())


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("model_index.json", {"_class_name": ["my_code", "MyPipeline"]}),
        ("model_index.json", {"_class_name": "FluxPipeline"}),
        ("unet/config.json", {"in_channels": 9}),
        ("unet/config.json", {"addition_embed_type": "text_time"}),
        ("vae/config.json", {"latent_channels": 8}),
    ],
)
def test_other_kinds_of_model_are_refused(
    pipeline_path: Path, tmp_path: Path, file: str, changes: dict[str, object]
) -> None:
    copy = shutil.copytree(pipeline_path, tmp_path / "copy")
    config = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(config | changes))
    with pytest.raises(ModelLoadError):
        load_model("x", str(copy), LoadOptions())


def test_missing_and_empty_directories(tmp_path: Path) -> None:
    for reference in (str(tmp_path), str(tmp_path / "absent")):
        with pytest.raises(ModelLoadError, match="cannot be loaded"):
            load_model("x", reference, LoadOptions())


def test_a_directory_needs_no_network(
    pipeline_path: Path, vae_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for path in (pipeline_path, vae_path):
        load_model("x", str(path), LoadOptions())
