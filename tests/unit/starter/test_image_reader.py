"""Text encoders learn what captions say, slot by slot."""

from pathlib import Path

import pytest
import torch
from torch import nn

from starter.image import models, reader
from starter.image.scenes import Scene, Thing

RED, BLUE = Thing("small", "red", "circle"), Thing("", "blue", "ring")


def test_targets_name_the_upper_or_left_thing_first() -> None:
    below = reader.targets(Scene((RED, BLUE), "below", "white"))
    assert below == reader.targets(Scene((BLUE, RED), "above", "white"))
    assert below != reader.targets(Scene((RED, BLUE), "above", "white"))
    values = [size for _, _, size in reader.SLOTS]
    assert len(below) == len(values)
    assert all(0 <= index < size for index, size in zip(below, values, strict=True))


@pytest.mark.parametrize("joint", [False, True])
def test_both_kinds_of_encoder_learn_and_go_on_from_a_checkpoint(tmp_path: Path, joint: bool) -> None:
    tokenizer = models.build_tokenizer(tmp_path / "tokenizer")

    def train(name: str, steps: int) -> nn.ModuleList:
        torch.manual_seed(0)
        if joint:
            encoders = nn.ModuleList(models.build_text_encoders(tokenizer))
            view = reader.joint_features(list(encoders))  # type: ignore[arg-type]
        else:
            encoders = nn.ModuleList([models.build_text_encoder(tokenizer)])
            view = reader.features(encoders[0])  # type: ignore[arg-type]
        tokens, pooled = view(reader.tokenize(tokenizer, ["a red ring", ""]))
        assert tokens.shape == (2, models.MAX_TOKENS, models.WIDTH) and pooled.shape == (2, models.WIDTH)
        reader.train(tmp_path / name, "reader", tokenizer, encoders, view, seed=0, steps=steps)
        return encoders

    train("parts", 1)
    # The learning rate is still rising, so that the number of steps does not change it.
    parts, whole = train("parts", 3), train("whole", 3)
    assert all(torch.equal(a, b) for a, b in zip(parts.parameters(), whole.parameters(), strict=True))
