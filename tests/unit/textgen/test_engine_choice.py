import os
import subprocess
import sys

import pytest
from textgen.engine_choice import EngineChoice, EngineUnavailable, choose_engine


@pytest.mark.parametrize(
    ("wanted", "device", "has_vllm", "has_cuda", "engine", "reason"),
    [
        ("torch", "auto", True, True, "torch", "configured"),
        ("vllm", "auto", True, False, "vllm", "configured"),
        ("auto", "auto", True, True, "vllm", "auto: vLLM is installed and CUDA is available"),
        ("auto", "cuda", True, True, "vllm", "auto: vLLM is installed and CUDA is available"),
        ("auto", "auto", False, True, "torch", "auto: vLLM is not installed"),
        ("auto", "auto", True, False, "torch", "auto: vLLM is installed, but there is no CUDA device"),
        ("auto", "cpu", True, True, "torch", "auto: device is cpu, and vLLM takes the first CUDA device"),
        (
            "auto",
            "cuda:1",
            True,
            True,
            "torch",
            "auto: device is cuda:1, and vLLM takes the first CUDA device",
        ),
    ],
)
def test_the_engine_and_why(wanted, device, has_vllm, has_cuda, engine, reason):
    choice = choose_engine(wanted, device=device, has_vllm=has_vllm, has_cuda=has_cuda)
    assert choice == EngineChoice(engine, reason)


def test_only_decoders_go_to_vllm():
    vllm, torch = EngineChoice("vllm", "configured"), EngineChoice("torch", "configured")
    assert vllm.of(is_decoder=True) == vllm
    assert vllm.of(is_decoder=False) == EngineChoice("torch", "vLLM is given decoders only")
    assert torch.of(is_decoder=False) == torch


def test_a_device_that_vllm_cannot_be_told_is_refused():
    with pytest.raises(EngineUnavailable, match="CUDA_VISIBLE_DEVICES"):
        choose_engine("vllm", device="cuda:1", has_vllm=True, has_cuda=True)


@pytest.mark.parametrize("wanted", ["auto", "torch", "vllm"])
def test_cuda_where_there_is_none_is_refused(wanted):
    with pytest.raises(EngineUnavailable, match="no CUDA device"):
        choose_engine(wanted, device="cuda", has_vllm=True, has_cuda=False)


def test_a_missing_engine_stops_the_start_and_says_what_to_install():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUADRILLE_")}
    options = {"ENGINE": "vllm", "PORT": "0", "METRICS_PORT": "0"}
    environment |= {f"QUADRILLE_TEXTGEN_{name}": value for name, value in options.items()}
    code = "import textgen.__main__ as service; service.is_installed = lambda: False; service.main()"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ended.returncode == 2
    said = ended.stderr.splitlines()[-1]
    assert said.startswith("textgen cannot start: engine is vllm, which is not installed: pip install ")
    assert "quadrille[textgen-vllm]" in said
