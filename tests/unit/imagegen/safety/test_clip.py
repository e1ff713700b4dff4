from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from imagegen.safety.clip import SafetyLoadError, load_clip_checker
from imagegen.testing import save_tiny_safety_checker
from transformers import CLIPImageProcessorPil

RANDOM = np.random.default_rng(0)
IMAGES = [
    *(
        np.broadcast_to(colour, (24, 16, 3)).copy()
        for colour in RANDOM.integers(0, 256, (24, 3), dtype=np.uint8)
    ),
    *RANDOM.integers(0, 256, (8, 16, 24, 3), dtype=np.uint8),
]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_safety_checker(tmp_path_factory.mktemp("pipeline") / "safety_checker")


def test_verdicts_are_those_of_diffusers(folder: Path) -> None:
    original = StableDiffusionSafetyChecker.from_pretrained(folder, use_safetensors=True)
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(images=IMAGES, return_tensors="pt").pixel_values
    _, flagged = original(pixels, [image.copy() for image in IMAGES])
    verdicts = load_clip_checker(folder, CPU, torch.float32).check(IMAGES)
    assert [bool(flags) for flags in verdicts] == flagged
    assert 0 < sum(flagged) < len(flagged)


def test_special_care_brings_the_other_concepts_nearer(folder: Path) -> None:
    checker = load_clip_checker(folder, CPU, torch.float32)
    checker._special_thresholds = [2.0] * 3
    without = checker.check(IMAGES)
    checker._special_thresholds = [-2.0, 2.0, 2.0]
    by_name = [{flag.category: flag.score for flag in flags} for flags in checker.check(IMAGES)]
    for flags, near in zip(without, by_name, strict=True):
        for flag in flags:
            assert near[flag.category] == pytest.approx(flag.score + 0.01, abs=0.0011)


def test_the_processor_of_a_pipeline_is_found_beside_the_checker(folder: Path, tmp_path: Path) -> None:
    checker, processor = tmp_path / "safety_checker", tmp_path / "feature_extractor"
    checker.mkdir()
    processor.mkdir()
    for file in folder.iterdir():
        target = processor if file.name == "preprocessor_config.json" else checker
        (target / file.name).write_bytes(file.read_bytes())
    one, other = (load_clip_checker(path, CPU, torch.float32) for path in (folder, checker))
    assert one.check(IMAGES[:4]) == other.check(IMAGES[:4])


def test_what_cannot_be_loaded_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SafetyLoadError, match=f"safety_checker '{tmp_path}' cannot be loaded"):
        load_clip_checker(tmp_path, CPU, torch.float32)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")  # never unpickled
    with pytest.raises(SafetyLoadError, match=r"model\.safetensors"):
        load_clip_checker(tmp_path, CPU, torch.float32)
