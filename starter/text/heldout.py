"""Loss on text that training never sees: the recipe's own loss, without what guides attention and routers."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from transformers import PreTrainedTokenizerFast

from . import prose
from .data import MOST_SHOTS
from .encoding import PROSE_WEIGHT, Encoded, collate, encode
from .grounded import Draw, Example, sample_grounded
from .model import Decoder
from .tasks import FewShot, sample_few_shot
from .train import learned_from

# As training draws them. Stories and small talk are left out: they come from short lists that training knows.
SHARES = {"grounded": 76, "few_shot": 8, "prose": 7}
DRAW = Draw(held_out=True, max_sentences=5, real_words=True, instructed=True)
BATCH_TOKENS = 3072
LONGEST = 600  # tokens

Batch = tuple[torch.Tensor, torch.Tensor]  # ids and weights as targets, (rows, length) each


def sample(rng: random.Random) -> Example | FewShot | str:
    """Questions over made-up things with held-out names, tasks with held-out words, or held-out paragraphs."""
    (kind,) = rng.choices(list(SHARES), list(SHARES.values()))
    if kind == "grounded":
        return sample_grounded(rng, DRAW)
    if kind == "few_shot":
        return sample_few_shot(rng, rng.randint(1, MOST_SHOTS), held_out=True)
    found = prose.split(held_out=True)
    start = rng.randrange(len(found))
    return "\n\n".join(" ".join(paragraph) for paragraph in found[start : start + rng.randint(1, 4)])


def batches(tokenizer: PreTrainedTokenizerFast, count: int = 16) -> list[Batch]:
    """The held-out set: `count` batches of about BATCH_TOKENS tokens, the same in every run.

    The weight of a token that training would not learn from is 0.
    """
    rng = random.Random("held-out loss")
    encoded: list[Encoded] = []
    while sum(len(e.ids) for e in encoded) < count * BATCH_TOKENS:
        drawn = encode(sample(rng), tokenizer)
        if len(drawn.ids) <= LONGEST:
            encoded.append(drawn)
    encoded.sort(key=lambda e: len(e.ids))  # so that little is padded
    made, part = [], list[Encoded]()
    for index, drawn in enumerate(encoded):
        part.append(drawn)
        if sum(len(e.ids) for e in part) >= BATCH_TOKENS or index + 1 == len(encoded):
            ids, weights = collate(part, tokenizer.pad_token_id)
            kept = learned_from(weights.flatten(), rng).view_as(weights)
            made.append((ids, weights * kept))
            part = []
    return made


@torch.no_grad()
def losses(model: Decoder, held_out: list[Batch]) -> dict[str, float]:
    """Nats per token: `loss` weighted as in training, `answers` of exchanges alone, `prose` alone."""
    errors, targets = [], []
    for ids, weights in held_out:
        aimed = weights[:, 1:].flatten()
        counted = torch.nonzero(aimed).flatten()
        with torch.autocast("cpu", torch.bfloat16):
            hidden = model.model(ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)[counted]
            logits = model.lm_head(hidden)
        errors.append(F.cross_entropy(logits.float(), ids[:, 1:].flatten()[counted], reduction="none"))
        targets.append(aimed[counted])
    error, target = torch.cat(errors), torch.cat(targets)
    return {
        "loss": float((error * target).sum() / target.sum()),
        "answers": float(error[target == 1].mean()),
        "prose": float(error[torch.isclose(target, torch.tensor(PROSE_WEIGHT))].mean()),
    }
