"""Keeps a mixture's experts busy alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .model import EXPERTS_PER_TOKEN

ROUTER_WEIGHT = 0.01


def router_loss(logits: tuple[torch.Tensor, ...], real: torch.Tensor) -> torch.Tensor:
    """The load-balancing loss of Switch Transformers (Fedus et al., 2021, arXiv:2101.03961, equations 4 to 6).

    `logits`: (tokens, experts) of each layer; `real`: (rows, length) marks tokens that are no padding. The mean over
    layers, each balanced by itself: 1 where all experts get as many tokens, up to the number of experts a token's
    choice leaves out of use otherwise.
    """
    losses = []
    for layer in logits:
        chances = F.softmax(layer[real.flatten()].float(), dim=-1)
        experts = chances.shape[1]
        chosen = chances.topk(EXPERTS_PER_TOKEN, dim=-1).indices.flatten()
        shares = torch.bincount(chosen, minlength=experts) / len(chosen)
        losses.append(experts * (shares * chances.mean(0)).sum())
    return torch.stack(losses).mean()
