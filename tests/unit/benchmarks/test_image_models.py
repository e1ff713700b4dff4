import torch
from diffusers import StableDiffusionPipeline

from benchmarks.image.models import SHAPES, ensure, pipeline
from benchmarks.image.pipeline import draw, load
from benchmarks.image.requests import drawn


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_shapes_have_the_size_that_they_are_known_for():
    with torch.device("meta"):
        small, sd15 = (pipeline(SHAPES[name]) for name in ("small", "sd15"))
    assert parameters(sd15.unet) == 859_520_964
    assert 10e6 < parameters(small.unet) < 25e6
    assert (small.unet.config.sample_size, sd15.unet.config.sample_size) == (32, 64)


def test_a_small_one_can_be_read_back_and_draws(tmp_path):
    pipeline(SHAPES["small"]).save_pretrained(tmp_path, safe_serialization=True)
    (image,) = draw(load(tmp_path, "float32", "cpu"), 2.0, drawn(1, (1,), seed=0), 1)
    assert image.size == (256, 256)


def test_any_other_name_is_a_folder(tmp_path):
    assert ensure(str(tmp_path)) == tmp_path
    assert isinstance(load(ensure("starter"), "float32", "cpu"), StableDiffusionPipeline)
