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
# itself only after far more text than is affordable here, so it is told where to look: every token at the two
# before it, at its sentence's start, its passage's number and the same word in the question; then at the words
# of its own sentence that were asked for; then the answer at a sentence that has them all, or at the documents'
# mark if none has; and last at what follows, there, the words that are already said.
PREVIOUS, SECOND_PREVIOUS = (0, 0), (0, 1)
SENTENCE_START, PASSAGE_NUMBER, QUESTION_WORD = (1, 0), (1, 1), (1, 2)
GATHER = (2, 0)
SELECT = (3, 0)
COPY, COPY_TOO = (4, 0), (4, 1)


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

    links, marker = encoded.links, text.index(DOCUMENTS)
    asked, here = _question_words(example, text), marker
    answer = range(answer_from - 1, len(encoded.ids) - 1)
    if example.source is None:
        links[SELECT] = {(answer_from - 1, at(marker))}
    for index, passage in enumerate(example.passages):
        here = text.index(f" [{index + 1}] ", here) + 1
        number, here = at(here + 1), text.index("\n ", here) + 2
        place = _placed(passage.text, here, at)
        begin = 0
        for order, (sentence, gap) in enumerate(zip(passage.sentences, passage.separators, strict=True)):
            inside = range(place(begin), place(begin + len(sentence) - 1) + 1)
            links[SENTENCE_START] |= {(token, inside[0]) for token in inside}
            links[PASSAGE_NUMBER] |= {(token, number) for token in inside}
            matched = _matched(encoded, asked, sentence, begin, place, at)
            links[QUESTION_WORD] |= matched
            found = sorted({token for token, _ in matched})
            links[GATHER] |= {(token, word) for token in inside for word in found if word <= token}
            if example.source == (index, order):
                after = max(found, default=inside[-1])  # from here on all that was asked for is known
                links[SELECT] |= {(token, end) for token in answer for end in range(after, inside[-1] + 1)}
                quoted = passage.unwrapped.lower().find(example.copied.lower(), begin)
                copied = range(answer_from, at(answer_char + len(example.copied)) + 1)
                said = {token: max(int(starts[token]), answer_char) - answer_char for token in copied}
                steps = {(token - 1, place(quoted + char)) for token, char in said.items()}
                links[COPY] |= steps
                links[COPY_TOO] |= steps
            begin += len(sentence) + len(gap)
    length = len(encoded.ids)
    links[PREVIOUS] = {(token, token - 1) for token in range(1, length)}
    links[SECOND_PREVIOUS] = {(token, token - 2) for token in range(2, length)}


def _placed(shown: str, here: int, at: Callable[[int], int]) -> Callable[[int], int]:
    """From a character of a passage to its token, where the passage begins at `here` of the prompt.

    The template puts a space after each newline; it stands for the one that a broken line lost.
    """
    return lambda char: at(here + char + shown.count("\n", 0, char + 1))


def _question_words(example: Example, text: str) -> dict[str, int]:
    """The words of the question that can tell sentences apart, each with where it is in the text."""
    question = example.messages[-1][1]
    asked = text.rindex(USER + question) + len(USER)
    return {w: asked + question.index(w) for w in words(question) if w.lower() not in COMMON}


def _matched(
    encoded: Encoded,
    asked: dict[str, int],
    sentence: str,
    begin: int,
    place: Callable[[int], int],
    at: Callable[[int], int],
) -> set[tuple[int, int]]:
    """Tokens of a sentence, each with the same token of the same word in the question."""
    found = set()
    for word in set(words(sentence)) & asked.keys():
        first, second = asked[word], begin + sentence.index(word)
        for char in range(len(word)):
            query, key = place(second + char), at(first + char)
            if encoded.ids[query] == encoded.ids[key]:
                found.add((query, key))
    return found


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
