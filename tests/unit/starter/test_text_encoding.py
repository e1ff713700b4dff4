"""The links that guide the attention point where the tokens say."""

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from starter.text.encoding import (
    COPY,
    PADDED_TO,
    PASSAGE_NUMBER,
    QUESTION_WORD,
    SELECT,
    SHOT_WEIGHT,
    Encoded,
    collate,
    encode,
    guidance,
)
from starter.text.grounded import Draw, sample_grounded
from starter.text.repeating import sample_repeat
from starter.text.tasks import FewShot
from starter.text.tokenizer import ASSISTANT, DOCUMENTS

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "model"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.mark.parametrize("seed", range(30))
def test_links_join_equal_tokens_and_look_back(tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    example = sample_grounded(random.Random(seed))
    encoded = encode(example, tokenizer)
    assert len(encoded.ids) == len(encoded.weights)
    for links in encoded.links.values():
        assert all(0 <= key <= query < len(encoded.ids) for query, key in links)
    assert all(encoded.ids[query] == encoded.ids[key] for query, key in encoded.links[QUESTION_WORD])
    numbers = {tokenizer.decode([encoded.ids[key]]) for _, key in encoded.links[PASSAGE_NUMBER]}
    assert numbers == {str(i + 1) for i in range(len(example.passages))}
    (begins,) = {min(query for query, _ in encoded.links[SELECT])}
    assert encoded.ids[begins] == tokenizer.convert_tokens_to_ids(ASSISTANT)
    if example.source:
        steps = sorted(encoded.links[COPY])[:-1]
        same = [encoded.ids[query + 1] == encoded.ids[key] for query, key in steps]
        assert sum(same) >= len(same) - 2  # punctuation may be one token with what follows it
    else:
        assert {encoded.ids[key] for _, key in encoded.links[SELECT]} == {
            tokenizer.convert_tokens_to_ids(DOCUMENTS)
        }


@pytest.mark.parametrize("seed", range(30))
def test_what_is_copied_from_broken_lines_is_whole(tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    draw = Draw(answerable=1.0, facts=0.3, max_sentences=16, wrapped=1.0)
    example = sample_grounded(random.Random(seed), draw)
    assert example.source is not None
    encoded = encode(example, tokenizer)
    steps = sorted(encoded.links[COPY])[:-1]
    same = [encoded.ids[query + 1] == encoded.ids[key] for query, key in steps]
    assert sum(same) >= len(same) - 2
    assert all(encoded.ids[query] == encoded.ids[key] for query, key in encoded.links[QUESTION_WORD])


@pytest.mark.parametrize("seed", range(30))
def test_what_is_repeated_is_copied_token_by_token(tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    example = sample_repeat(random.Random(seed))
    encoded = encode(example, tokenizer)
    assert example.answer.removesuffix(f" [{example.source[0] + 1}]" if example.source else "") == (
        example.copied or example.answer
    )
    if example.source:
        assert example.copied == example.passages[example.source[0]].text
        steps = sorted(encoded.links[COPY])[:-1]
        assert sum(encoded.ids[q + 1] == encoded.ids[k] for q, k in steps) >= len(steps) - 2


def test_padding_has_no_weight() -> None:
    ids, weights = collate([Encoded([5, 6, 7], [1.0, 1.0, 1.0]), Encoded([8], [1.0])], pad=0)
    assert ids.shape == weights.shape == (2, PADDED_TO)
    assert ids[:, :4].tolist() == [[5, 6, 7, 0], [8, 0, 0, 0]]
    assert weights.sum(1).tolist() == [3, 1]


def test_guidance_is_least_where_the_attention_is_on_the_links() -> None:
    encoded = Encoded([1, 2, 3], [1.0] * 3)
    encoded.links[(0, 0)] = {(2, 0), (2, 1)}
    spread = torch.tensor([[[[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]]]])
    right = torch.tensor([[[[1, 0, 0], [0.5, 0.5, 0], [0.1, 0.9, 0.0]]]])
    assert guidance((right,), [encoded]).item() == pytest.approx(0, abs=1e-4)
    assert guidance((spread,), [encoded]).item() == pytest.approx(-torch.tensor(0.4).log().item(), abs=1e-4)


def test_every_answer_of_a_few_shot_prompt_counts_but_the_first(tokenizer: PreTrainedTokenizerFast) -> None:
    items = tuple((f"in {word} out ", word.upper(), "\n") for word in ("ab", "cd", "ef"))
    encoded = encode(FewShot(items), tokenizer)
    counted = [i for i, w in zip(encoded.ids, encoded.weights, strict=True) if w == SHOT_WEIGHT]
    said = tokenizer.decode(counted)
    assert "CD" in said and "EF" in said
    assert "AB" not in said and "in" not in said
