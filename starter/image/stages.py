"""The image model's training in stages: each goes on from its checkpoint, and first completes those it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from . import classifier, denoiser, denoising, evaluate, gan, latents, models, reader, transformer, vae

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """Where checkpoints are kept, where models go (`model`, `flow`, `gan` and `checker`), and the seed."""

    work: Path
    out: Path = HERE
    seed: int = 0


def _tokenizer(run: Run) -> CLIPTokenizer:
    return models.build_tokenizer(run.work / "tokenizer")


def train_vae(run: Run) -> AutoencoderKL:
    """The autoencoder."""
    return vae.train(run.work, seed=run.seed)


def train_readers(run: Run) -> tuple[CLIPTextModel, list[CLIPTextModelWithProjection]]:
    """The text encoders of both pipelines, frozen."""
    tokenizer = _tokenizer(run)
    torch.manual_seed(run.seed)
    single, pair = models.build_text_encoder(tokenizer), models.build_text_encoders(tokenizer)
    views = {
        "reader": (nn.ModuleList([single]), reader.features(single)),
        "joint-reader": (nn.ModuleList(pair), reader.joint_features(pair)),
    }
    for name, (encoders, view) in views.items():
        reader.train(run.work, name, tokenizer, encoders, view, seed=run.seed)
        encoders.requires_grad_(False)
    return single, pair


def encode_latents(run: Run) -> None:
    """The latents that both denoisers learn from."""
    latents.load(run.work, train_vae(run), seed=run.seed)


def _denoise(
    run: Run,
    autoencoder: AutoencoderKL,
    network: denoising.Denoiser,
    view: reader.Features,
    recipe: denoising.Recipe,
    *,
    unfinished: bool,
) -> nn.Module:
    if unfinished:
        return denoising.peek(run.work, network)
    return denoising.train(run.work, network, autoencoder, _tokenizer(run), view, recipe, seed=run.seed)


def train_unet(run: Run, *, unfinished: bool = False) -> None:
    """The U-Net, into `model`; `unfinished` takes it as it is."""
    autoencoder, (encoder, _) = train_vae(run), train_readers(run)
    torch.manual_seed(run.seed)
    view = reader.features(encoder)
    unet = _denoise(run, autoencoder, denoiser.Diffusion(), view, denoiser.RECIPE, unfinished=unfinished)
    models.save(models.assemble(_tokenizer(run), encoder, autoencoder, unet), run.out / "model")


def train_transformer(run: Run, *, unfinished: bool = False) -> None:
    """The flow-matching transformer, into `flow`; `unfinished` takes it as it is."""
    autoencoder, (_, encoders) = train_vae(run), train_readers(run)
    torch.manual_seed(run.seed)
    view = reader.joint_features(encoders)
    network = _denoise(run, autoencoder, transformer.Flow(), view, transformer.RECIPE, unfinished=unfinished)
    models.save(models.assemble_flow(_tokenizer(run), encoders, autoencoder, network), run.out / "flow")


def peek(run: Run) -> None:
    """Figures of the denoisers at their last checkpoints, on few pictures, while training goes on."""
    early = Run(run.work, run.work / "early", run.seed)
    for name, stage in (("unet", train_unet), ("transformer", train_transformer)):
        if (run.work / f"{name}.safetensors").is_file():
            stage(early, unfinished=True)
    print(json.dumps(evaluate.evaluate(early.out, count=96), indent=2))


def train_gan(run: Run) -> None:
    """The generator, in half precision, into `gan`."""
    gan.train(run.work, seed=run.seed).half().save(run.out / "gan")


def train_classifier(run: Run) -> None:
    """The network that checks the judge, into `checker`."""
    classifier.save(classifier.train(run.work, seed=run.seed), run.out / "checker")


STAGES: dict[str, Callable[[Run], object]] = {
    "vae": train_vae,
    "readers": train_readers,
    "latents": encode_latents,
    "unet": train_unet,
    "transformer": train_transformer,
    "gan": train_gan,
    "classifier": train_classifier,
    "peek": peek,
}


def run_all(run: Run) -> None:
    """Every stage, in order; no peeking."""
    for name, stage in STAGES.items():
        if name != "peek":
            stage(run)
