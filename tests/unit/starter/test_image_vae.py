"""The autoencoder trains on crops, then on whole pictures, and goes on from its checkpoint."""

import random
from pathlib import Path

import pytest
import torch

from starter.image import vae


def test_pictures_and_crops() -> None:
    whole, crops = (vae.pictures(random.Random(0), 2, side) for side in (64, 32))
    assert whole.shape == (2, 3, 64, 64) and crops.shape == (2, 3, 32, 32)
    assert whole.min() >= -1 and whole.max() <= 1


def test_latents_come_out_with_deviation_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "BATCH", 4)
    monkeypatch.setattr(vae, "WHOLE_FROM", 1)
    first = vae.train(tmp_path, seed=0, steps=2)
    again = vae.train(tmp_path, seed=0, steps=2)
    assert torch.equal(first.decoder.conv_in.weight, again.decoder.conv_in.weight)
    x = vae.pictures(random.Random(1), 64)
    with torch.no_grad():
        scaled = first.encode(x).latent_dist.mode() * first.config.scaling_factor
    assert 0.7 < float(scaled.std()) < 1.4


def test_edges_weigh_more_than_planes() -> None:
    x = torch.zeros(1, 3, 8, 8)
    x[:, 1, :, 4:] = 1
    weights = vae.edge_weights(x)
    assert weights.shape == (1, 1, 8, 8)
    assert (weights[..., 3:5] == vae.EDGE_WEIGHT).all()
    assert (weights[..., :3] == 1).all() and (weights[..., 5:] == 1).all()
