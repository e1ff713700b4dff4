"""What training ends with."""

from pathlib import Path

import pytest
import torch

from starter.folder import load_tokenizer
from starter.text import train
from starter.text.grounded import Draw
from starter.text.model import SIZES, Decoder, Size
from starter.text.plan import Phase, Plan

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "model"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(SIZES, "few", Size(5, 48, 3, 64))
    monkeypatch.setattr(train, "compiled", lambda module: module)
    monkeypatch.setattr(train, "SAVE_EVERY", 1)
    return "few"


def test_harder_steps_end_in_the_mean_of_the_weights_before_and_after_them(few: str, tmp_path: Path) -> None:
    plan = Plan(2, harder=2, batch_tokens=384, phases=(Phase(0.0, 0.5, Draw(max_sentences=2)),))
    seen: dict[int, torch.Tensor] = {}

    def observe(done: int, model: Decoder) -> None:
        seen[done] = model.lm_head.weight.detach().clone()

    vocabulary = load_tokenizer(FOLDER)
    made = train.train(tmp_path, vocabulary, seed=0, size=few, plan=plan, observe=observe).lm_head.weight
    assert not torch.equal(seen[2], seen[4])
    torch.testing.assert_close(made, (seen[2] + seen[4]) / 2)
    again = train.train(tmp_path, vocabulary, seed=0, size=few, plan=plan).lm_head.weight
    torch.testing.assert_close(again, made)  # a finished run is only read
