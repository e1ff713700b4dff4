"""Examples as token ids, loss weights and the attention that quoting needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from .grounded import Example
from .passages import COMMON, words
from .tasks import FewShot
from .tokenizer import DOCUMENTS, END, USER

CONTEXT_WEIGHT, PROSE_WEIGHT, SHOT_WEIGHT = 0.02, 0.4, 0.7
PADDED_TO = 64  # tokens

# The circuit of quoting: (layer, head) -> what its queries should look at. A model of this size finds it by
# itself only after far more text than is affordable here, so the first steps are told where to look.
PREVIOUS, SECOND_PREVIOUS = (0, 0), (0, 1)
SENTENCE_START, PASSAGE_NUMBER, QUESTION_WORD = (1, 0), (1, 1), (1, 2)
MATCHED_WORD = (2, 0)
COPY, COPY_TOO = (3, 0), (3, 1)


@dataclass
class Encoded:
    """`ids` and `weights` as a target, (length,) each; `links`: head -> (query, key) positions."""

    ids: list[int]
    weights: list[float]
    links: dict[tuple[int, int], set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))


def prompt_of(example: Example, tokenizer: PreTrainedTokenizerFast) -> str:
    """The chat template's text up to where the answer begins."""
    text: str = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in example.messages],
        documents=[{"title": p.title, "text": p.text} for p in example.passages] or None,
        add_generation_prompt=True,
        tokenize=False,
    )
    return text


def encode(example: Example | FewShot | str, tokenizer: PreTrainedTokenizerFast) -> Encoded:
    """Ids and weights of an example, and the links of a grounded answer."""
    if isinstance(example, str):
        ids = tokenizer(example + END).input_ids
        return Encoded(ids, [PROSE_WEIGHT] * len(ids))
    if isinstance(example, FewShot):
        return _encode_shots(example, tokenizer)
    prompt = prompt_of(example, tokenizer)
    full = prompt + example.answer + END
    tokens = tokenizer(full, return_offsets_mapping=True)
    starts = np.array([start for start, _ in tokens.offset_mapping])
    answer_from = int(np.searchsorted(starts, len(prompt)))
    weights = [CONTEXT_WEIGHT] * answer_from + [1.0] * (len(starts) - answer_from)
    encoded = Encoded(tokens.input_ids, weights)
    if example.passages:
        _link(encoded, example, full, starts, answer_from, len(prompt))
    return encoded


def _encode_shots(example: FewShot, tokenizer: PreTrainedTokenizerFast) -> Encoded:
    """Every answer counts but the first, which nothing could foretell."""
    text, spans = "", []
    for before, answer, after in example.items:
        text += before
        spans.append((len(text), len(text) + len(answer) + 1))  # with what ends it
        text += answer + after
    tokens = tokenizer(text + END, return_offsets_mapping=True)
    weights = [
        SHOT_WEIGHT if any(start < stop and end > first for first, stop in spans[1:]) else CONTEXT_WEIGHT
        for start, end in tokens.offset_mapping
    ]
    return Encoded(tokens.input_ids, weights)


def _link(
    encoded: Encoded, example: Example, text: str, starts: np.ndarray, answer_from: int, answer_char: int
) -> None:
    def at(char: int) -> int:
        return int(np.searchsorted(starts, char, side="right")) - 1

    links, here = encoded.links, text.index(DOCUMENTS)
    for index, passage in enumerate(example.passages):
        here = text.index(f"[{index + 1}] ", here)
        number, here = at(here + 1), text.index("\n", here) + 1
        for place, (sentence, gap) in enumerate(zip(passage.sentences, passage.separators, strict=True)):
            inside = range(at(here), at(here + len(sentence) - 1) + 1)
            links[SENTENCE_START] |= {(token, inside[0]) for token in inside}
            links[PASSAGE_NUMBER] |= {(token, number) for token in inside}
            if example.source == (index, place):
                inner = max(0, sentence.lower().find(example.copied.lower()))
                shift = here + inner - answer_char
                copied = range(answer_from, at(answer_char + len(example.copied)) + 1)
                steps = {(token - 1, at(max(int(starts[token]), answer_char) + shift)) for token in copied}
                links[COPY] |= steps
                links[COPY_TOO] |= steps
                _link_question(encoded, example, text, at, (here, sentence), copied)
            here += len(sentence) + len(gap)
        here -= len(passage.separators[-1])  # a passage is trimmed
    length = len(encoded.ids)
    links[PREVIOUS] = {(token, token - 1) for token in range(1, length)}
    links[SECOND_PREVIOUS] = {(token, token - 2) for token in range(2, length)}


def _link_question(
    encoded: Encoded,
    example: Example,
    text: str,
    at: Callable[[int], int],
    target: tuple[int, str],
    copied: range,
) -> None:
    question = example.messages[-1][1]
    asked = text.rindex(USER + question) + len(USER)
    start, sentence = target
    for word in set(words(question)) & set(words(sentence)):
        if word.lower() in COMMON:
            continue
        first, second = asked + question.index(word), start + sentence.index(word)
        for char in range(len(word)):
            query, key = at(second + char), at(first + char)
            if encoded.ids[query] == encoded.ids[key]:
                encoded.links[QUESTION_WORD].add((query, key))
                encoded.links[MATCHED_WORD] |= {(token - 1, query) for token in copied}


def collate(batch: list[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and weights, each (rows, length), padded on the right with weight 0.

    The length is a multiple of PADDED_TO, since kernels are compiled and kept for every shape there is.
    """
    longest = -(-max(len(e.ids) for e in batch) // PADDED_TO) * PADDED_TO
    ids = torch.full((len(batch), longest), pad)
    weights = torch.zeros(len(batch), longest)
    for row, encoded in enumerate(batch):
        ids[row, : len(encoded.ids)] = torch.tensor(encoded.ids)
        weights[row, : len(encoded.ids)] = torch.tensor(encoded.weights)
    return ids, weights


def guidance(attentions: tuple[torch.Tensor, ...], batch: list[Encoded]) -> torch.Tensor:
    """Mean over heads of -log of the attention (rows, heads, queries, keys) that falls on the linked keys."""
    losses = []
    for layer, head in sorted({name for encoded in batch for name in encoded.links}):
        rows, queries, keys = [], [], []
        for row, encoded in enumerate(batch):
            for query, key in encoded.links.get((layer, head), ()):
                rows.append(row)
                queries.append(query)
                keys.append(key)
        if not rows:
            continue
        picked = attentions[layer][rows, head, queries, keys]
        # Several keys of one query share it: their weights add up.
        slots = torch.tensor(rows) * 4096 + torch.tensor(queries)
        unique, place = torch.unique(slots, return_inverse=True)
        mass = torch.zeros(len(unique)).index_add(0, place, picked)
        losses.append(-(mass + 1e-6).log().mean())
    return torch.stack(losses).mean() if losses else torch.zeros(())
