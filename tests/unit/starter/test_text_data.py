"""What the training text promises: honest quotes, and held-out names that training never sees."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starter.text import prose
from starter.text.data import ABSTENTION, Example, sample, sample_quote, sample_small_talk, words
from starter.text.names import held_out_name, made_up_word
from starter.text.smalltalk import SMALL_TALK

seeds = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(seeds, st.booleans())
def test_the_answer_is_a_sentence_of_the_cited_passage(seed: int, held_out: bool) -> None:
    example = sample_quote(random.Random(seed), held_out=held_out)
    assert 1 <= len(example.passages) <= 4
    if example.source is None:
        assert example.answer == ABSTENTION
        return
    passage, sentence = example.source
    quoted = example.passages[passage].sentences[sentence]
    assert example.answer == f"{quoted} [{passage + 1}]"
    assert quoted in example.passages[passage].text


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_the_question_shares_a_word_with_the_quote_and_the_quote_is_there_once(seed: int) -> None:
    example = sample_quote(random.Random(seed))
    if example.source is None:
        return
    passage, sentence = example.source
    quoted = example.passages[passage].sentences[sentence]
    asked = {word.lower() for word in words(example.messages[-1][1])}
    assert asked & {word.lower() for word in words(quoted)}
    assert sum(p.sentences.count(quoted) for p in example.passages) == 1


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_held_out_names_are_never_drawn_for_training(seed: int) -> None:
    rng = random.Random(seed)
    assert not held_out_name(made_up_word(rng))
    assert held_out_name(made_up_word(rng, held_out=True))


def test_held_out_prose_is_not_in_the_training_prose() -> None:
    kept, held_out = set(prose.split(held_out=False)), set(prose.split(held_out=True))
    assert held_out
    assert kept.isdisjoint(held_out)


def test_the_same_seed_draws_the_same_examples() -> None:
    first, second = (
        [sample(rng) for _ in range(20)] for rng in (random.Random("data"), random.Random("data"))
    )
    assert first == second


@pytest.mark.parametrize("seed", range(20))
def test_small_talk_answers_its_own_question(seed: int) -> None:
    example = sample_small_talk(random.Random(seed))
    assert isinstance(example, Example)
    asked = example.messages[-1][1].lower().rstrip("?.!")
    answers = {
        answer for questions, answer in SMALL_TALK for q in questions if q.lower().rstrip("?.!") == asked
    }
    assert example.answer in answers
