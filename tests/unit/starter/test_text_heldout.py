"""The held-out set is the same each time, and nothing in it is trained on."""

import random
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from starter.folder import load_tokenizer
from starter.text import data, heldout, prose
from starter.text.grounded import Example
from starter.text.model import build
from starter.text.tasks import FewShot

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "model"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return load_tokenizer(FOLDER)


def test_it_is_the_same_each_time(tokenizer: PreTrainedTokenizerFast) -> None:
    first, again = heldout.batches(tokenizer, count=2), heldout.batches(tokenizer, count=2)
    assert len(first) >= 2
    for (ids, weights), (same_ids, same_weights) in zip(first, again, strict=True):
        assert torch.equal(ids, same_ids) and torch.equal(weights, same_weights)


def _text(example: Example | FewShot | str) -> str:
    if isinstance(example, str):
        return example
    if isinstance(example, FewShot):
        return example.prompt
    return "\n".join(passage.text for passage in example.passages)


def test_it_has_nothing_that_is_trained_on() -> None:
    rng, other = random.Random(0), random.Random(1)
    held_out = [heldout.sample(rng) for _ in range(200)]
    trained = {_text(data.sample(other, drills=0.1)) for _ in range(400)}
    assert {type(example) for example in held_out} == {Example, FewShot, str}
    assert not {_text(example) for example in held_out if _text(example)} & trained
    known = {" ".join(paragraph) for paragraph in prose.split(held_out=False)}
    for example in held_out:
        if isinstance(example, str):
            assert not known & set(example.split("\n\n"))


def test_losses_are_means_over_what_counts(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    model = build(tokenizer, "nano").eval()
    batches = heldout.batches(tokenizer, count=1)
    found = heldout.losses(model, batches)
    assert set(found) == {"loss", "answers", "prose"}
    ids, weights = batches[0]
    with torch.no_grad():
        logits = model(ids).logits[:, :-1]
    errors = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    aimed = weights[:, 1:].flatten()
    one = heldout.losses(model, batches[:1])
    assert one["loss"] == pytest.approx(float((errors * aimed).sum() / aimed.sum()), rel=2e-3)
    assert one["answers"] == pytest.approx(float(errors[aimed == 1].mean()), rel=2e-3)
