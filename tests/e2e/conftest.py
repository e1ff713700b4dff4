"""One true stack as processes, shared by all tests here, driven through its door as users do."""

import importlib.util
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from quadrille_cli.stack import Ports, local_stack
from quadrille_client import Client
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("e2e_rpcs", Path(__file__).with_name("rpcs.py"))
_rpcs = importlib.util.module_from_spec(_spec)
sys.modules["e2e_rpcs"] = _rpcs
_spec.loader.exec_module(_rpcs)


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def loras(tmp_path_factory):
    """A folder of adapters for the default decoder, all alike."""
    folder, layer = tmp_path_factory.mktemp("loras"), "base_model.model.model.layers.0.self_attn.q_proj"
    width = json.loads((ROOT / "starter/text/model/config.json").read_text())["hidden_size"]
    tensors = {f"{layer}.lora_A.weight": torch.ones(1, width), f"{layer}.lora_B.weight": torch.ones(width, 1)}
    for name in _rpcs.LORAS:
        (folder / name).mkdir()
        config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]}
        (folder / name / "adapter_config.json").write_text(json.dumps(config))
        save_file(tensors, folder / name / "adapter_model.safetensors")
    return folder


@pytest.fixture(scope="session")
def image_loras(tmp_path_factory):
    """The same for the default image model."""
    folder = tmp_path_factory.mktemp("image-loras")
    config = json.loads((ROOT / "starter/image/model/unet/config.json").read_text())
    inputs, outputs = config["in_channels"], config["block_out_channels"][0]
    tensors = {
        "unet.conv_in.lora_A.weight": torch.ones(1, inputs, 3, 3),
        "unet.conv_in.lora_B.weight": torch.ones(outputs, 1, 1, 1),
    }
    for name in _rpcs.LORAS:
        (folder / name).mkdir()
        save_file(tensors, folder / name / "pytorch_lora_weights.safetensors")
    return folder


@pytest.fixture(scope="session")
def stack(tmp_path_factory, loras, image_loras):
    """The four services with their default models; `ports` tells where each listens."""
    ports = Ports.free()
    with ExitStack() as started:
        with (
            pytest.MonkeyPatch.context() as environment
        ):  # not for longer: other tests start stacks of their own
            environment.setenv("QUADRILLE_TEXTGEN_LORA_DIR", str(loras))
            environment.setenv("QUADRILLE_TEXTGEN_LORAS", "starter/start")
            environment.setenv("QUADRILLE_IMAGEGEN_LORA_DIR", str(image_loras))
            environment.setenv("QUADRILLE_IMAGEGEN_LORAS", "starter/start")
            running = started.enter_context(local_stack(tmp_path_factory.mktemp("stack"), ports=ports))
        running.ports = ports
        yield running


@pytest.fixture(scope="session")
def client(stack):
    """A client of the gateway; the collection "docs" holds the documentation."""
    with Client(stack.address, timeout=120) as client:
        list(client.ingest("docs", [ROOT / "docs"]))
        yield client
