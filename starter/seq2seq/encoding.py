"""Examples as token ids, and the places in the input that each token of the answer comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from .example import Example, Span

IGNORED = -100  # as a label: no loss

# The (decoder layer, head) whose cross-attention is shown where to look: at what the next token is copied or
# translated from. A model of this size finds that by itself only after far more text than is affordable here.
GUIDED = ((1, 0), (2, 0), (2, 1))


@dataclass(frozen=True)
class Encoded:
    """Ids of the input and of the answer, both with their end; `links` are (answer token, input token)."""

    source: list[int]
    target: list[int]
    links: list[tuple[int, int]]


def encode(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
    """Token ids and links of examples."""
    sources = tokenizer([example.source for example in examples], return_offsets_mapping=True)
    targets = tokenizer([example.target for example in examples], return_offsets_mapping=True)
    found = []
    for place, example in enumerate(examples):
        source, target = sources.input_ids[place], targets.input_ids[place]
        links = []
        for span, other in example.links:
            to = _tokens(targets.offset_mapping[place], span)
            since = _tokens(sources.offset_mapping[place], other)
            if [target[i] for i in to] == [source[j] for j in since]:
                links += list(zip(to, since, strict=True))  # a copy, token by token
            else:
                links += [(i, j) for i in to for j in since]
        found.append(Encoded(source, target, links))
    return found


def _tokens(offsets: Sequence[Span], span: Span) -> list[int]:
    return [place for place, (start, end) in enumerate(offsets) if start < span[1] and span[0] < end]


def collate(batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Input ids (rows, source), labels (rows, target) and links as a mask (rows, target, source)."""
    width = max(len(encoded.source) for encoded in batch)
    height = max(len(encoded.target) for encoded in batch)
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), height), IGNORED)
    links = torch.zeros(len(batch), height, width)
    for row, encoded in enumerate(batch):
        ids[row, : len(encoded.source)] = torch.tensor(encoded.source)
        labels[row, : len(encoded.target)] = torch.tensor(encoded.target)
        if encoded.links:
            to, since = torch.tensor(encoded.links).T
            links[row, to, since] = 1
    return ids, labels, links


def guidance(attentions: Sequence[torch.Tensor], links: torch.Tensor) -> torch.Tensor:
    """Mean negative log of the attention that the guided heads have on the links, over tokens that have any.

    attentions: one (rows, heads, target, source) for each decoder layer.
    """
    linked = links.any(-1)  # (rows, target)
    if not linked.any():
        return links.new_zeros(())
    shares = [
        (attentions[layer][:, head].float() * links).sum(-1)[linked]
        for layer, head in GUIDED
        if layer < len(attentions) and head < attentions[layer].shape[1]
    ]
    return -torch.log(torch.stack(shares) + 1e-4).mean()
