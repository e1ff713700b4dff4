"""A small network that reads pictures, to cross-check the judge; it is trained on true pictures only."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from starter import progress
from starter.checkpoint import Checkpoint, learning_rate

from .reader import SLOTS, targets
from .render import Array, render
from .scenes import Scene, sample_scene

STEPS = 1800
BATCH = 128
PEAK_RATE = 2e-3
SAVE_EVERY = 100


class Classifier(nn.Module):
    """Logits for every slot of a scene (see `reader.SLOTS`), from pixels [n, 3, 64, 64]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, 32, 3, padding=1)]
        for inputs, outputs in ((32, 64), (64, 96), (96, 128)):
            layers += [nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)]
            layers += [nn.GroupNorm(8, outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1)]
        layers += [nn.SiLU(), nn.Flatten(), nn.Linear(128 * 16, 512), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Linear(512, size) for _, _, size in SLOTS)

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """One [n, values] for each slot."""
        x = self.body(pixels)
        return [head(x) for head in self.heads]


def train(work: Path, *, seed: int, steps: int = STEPS) -> Classifier:
    """Train, or go on training, on scenes of all combinations."""
    torch.manual_seed(seed)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    checkpoint = Checkpoint(work / "classifier.safetensors", {"model": model}, optimizer)
    for step, bar in progress.steps("image: classifier", checkpoint.load(), steps):
        rng = random.Random(f"classifier {seed} {step}")
        torch.manual_seed(rng.getrandbits(32))
        scenes = [sample_scene(rng, held_out=None) for _ in range(BATCH)]
        pixels = as_pixels(render(scenes, rng))
        # Decoders leave small errors everywhere, so it must not live on exact colours.
        pixels = pixels + 0.05 * torch.rand(BATCH, 1, 1, 1) * torch.randn_like(pixels)
        wanted = torch.tensor([targets(scene) for scene in scenes])
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(pixels)
        losses = [F.cross_entropy(part.float(), wanted[:, slot]) for slot, part in enumerate(logits)]
        loss = torch.stack(losses).sum()
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            bar.print(f"classifier step {step + 1}: loss {loss.item():.4f}")
    return model.eval()


def save(model: Classifier, folder: Path) -> None:
    """Write the weights in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")


def load(folder: Path) -> Classifier:
    """The classifier in `folder`, in single precision."""
    model = Classifier()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()


def as_pixels(pictures: Array) -> torch.Tensor:
    """Pixels [n, 3, SIZE, SIZE], in [-1, 1], of pictures (n, SIZE, SIZE, 3), in [0, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous() * 2 - 1


@torch.no_grad()
def right(model: Classifier, scenes: list[Scene], pictures: Array) -> list[bool]:
    """For each picture, whether it is read as its scene in every slot."""
    wanted = torch.tensor([targets(scene) for scene in scenes])
    guesses = [
        torch.stack([logits.argmax(1) for logits in model(as_pixels(np.ascontiguousarray(part)))], dim=1)
        for part in np.array_split(pictures, -(-len(pictures) // 128))
    ]
    return [bool(same) for same in (torch.cat(guesses) == wanted).all(dim=1)]
