"""The vocabulary of the encoder-decoder: any text comes back, and what is copied has one spelling."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from starter.seq2seq import tokenizer as tokenizing
from starter.seq2seq.batching import corpus
from starter.seq2seq.data import sample


@cache
def trained() -> PreTrainedTokenizerFast:
    return tokenizing.train(corpus(0))


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_survives(text: str) -> None:
    ids = trained()(text, add_special_tokens=False, split_special_tokens=True).input_ids
    assert trained().decode(ids) == text


def test_the_vocabulary_is_the_seed_s() -> None:
    assert tokenizing.train(corpus(0)).get_vocab() == trained().get_vocab()
    assert len(trained()) == tokenizing.VOCABULARY_SIZE


def test_special_tokens_are_as_t5_has_them() -> None:
    tokenizer = trained()
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer("a b").input_ids[-1] == tokenizer.eos_token_id
    assert tokenizer("a b").input_ids.count(tokenizer.eos_token_id) == 1


@pytest.mark.parametrize("word", ["Zorvex", "vornak", "balok"])
def test_a_word_has_the_same_tokens_wherever_it_stands(word: str) -> None:
    tokenizer = trained()
    ids = tokenizer(word, add_special_tokens=False).input_ids
    for text in (f"At 10:00 {word} fell", f"{word}-esk sat", f"{word}.", f"so {word}, then"):
        whole = tokenizer(text, add_special_tokens=False).input_ids
        assert any(whole[i : i + len(ids)] == ids for i in range(len(whole)))


def test_digits_are_apart() -> None:
    pieces = trained().convert_ids_to_tokens(trained()("error 5031 at 23:59").input_ids)
    assert [piece for piece in pieces if any(map(str.isdigit, piece))] == list("50312359")


def test_examples_of_training_are_short() -> None:
    import random

    rng = random.Random(0)
    for task in ("summary", "translation"):
        lengths = [len(trained()(sample(rng, task).source).input_ids) for _ in range(50)]
        assert max(lengths) < tokenizing.CONTEXT_LENGTH / 2
