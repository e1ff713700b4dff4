"""The shipped image model is an ordinary Stable Diffusion folder, and it draws what is asked."""

import json
import random
from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline
from transformers import CLIPTextModel, CLIPTokenizer

from starter.image.captions import WORDS, caption
from starter.image.evaluate import draw, score, vae_figures
from starter.image.judge import read
from starter.image.models import GUIDANCE_SCALES, MAX_TOKENS, STEPS, build_tokenizer
from starter.image.scenes import sample_scene

FOLDER = Path(__file__).parents[3] / "starter" / "image" / "model"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(FOLDER, use_safetensors=True, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_it_is_a_stable_diffusion_folder_in_safetensors_only(pipeline: StableDiffusionPipeline) -> None:
    assert type(pipeline) is StableDiffusionPipeline
    assert isinstance(pipeline.tokenizer, CLIPTokenizer)
    assert isinstance(pipeline.text_encoder, CLIPTextModel)
    assert pipeline.safety_checker is None
    assert not [path for path in FOLDER.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".ckpt", ".py"}]


def test_every_caption_word_is_one_token(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(tmp_path)
    for word in WORDS:
        assert tokenizer.tokenize(word) == [f"{word}</w>"]
    rng = random.Random(0)
    captions = [caption(sample_scene(rng, held_out=None), rng) for _ in range(200)]
    assert max(len(ids) for ids in tokenizer(captions).input_ids) <= MAX_TOKENS


def test_unknown_words_fall_back_to_bytes(pipeline: StableDiffusionPipeline) -> None:
    ids = pipeline.tokenizer("zebra 日本").input_ids
    assert pipeline.tokenizer.unk_token_id not in ids[1:-1]


@pytest.mark.parametrize("prompt", ["a large red circle", "a large blue square on a yellow background"])
def test_it_draws_the_colours_it_is_asked_for(pipeline: StableDiffusionPipeline, prompt: str) -> None:
    said = prompt.split()
    background, things = read(draw(pipeline, [prompt], guidance_scale=GUIDANCE_SCALES["unet"])[0])
    assert things[0].colour == said[2]
    assert background == (said[6] if len(said) > 4 else "white")


def test_it_draws_whole_scenes_with_the_settings_that_its_folder_names(
    pipeline: StableDiffusionPipeline,
) -> None:
    best = json.loads((FOLDER / "generation_config.json").read_text())
    assert best == {"guidance_scale": GUIDANCE_SCALES["unet"], "num_inference_steps": STEPS}
    rng = random.Random(0)
    scenes = [sample_scene(rng) for _ in range(10)]
    captions = [caption(scene, rng, complete=True) for scene in scenes]
    drawn = draw(pipeline, captions, guidance_scale=GUIDANCE_SCALES["unet"])
    assert score(scenes, drawn)["joint"] >= 0.7  # in all attributes of one or two things


def test_the_autoencoder_keeps_the_picture(pipeline: StableDiffusionPipeline) -> None:
    figures = vae_figures(pipeline.vae, count=16)
    assert figures["psnr_db"] >= 28
    assert figures["joint"] >= 0.9
