"""What the training text promises: honest answers, and that what is held out is never trained on."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starter.text import prose
from starter.text.data import sample, sample_small_talk
from starter.text.grounded import ABSTENTION, Draw, Example, sample_grounded
from starter.text.names import held_out_name, made_up_word
from starter.text.smalltalk import SMALL_TALK

seeds = st.integers(0, 2**32)


@settings(max_examples=200, deadline=None)
@given(seeds, st.booleans(), st.booleans(), st.sampled_from([3, 8, 24]))
def test_the_answer_is_in_the_cited_passage(seed: int, held_out: bool, real_words: bool, most: int) -> None:
    draw = Draw(held_out=held_out, real_words=real_words, instructed=True, max_sentences=most)
    example = sample_grounded(random.Random(seed), draw)
    assert 1 <= len(example.passages) <= 4
    if example.source is None:
        assert example.answer == ABSTENTION
        return
    passage, sentence = example.source
    said = example.passages[passage].sentences[sentence]
    assert example.copied.lower() in said.lower()
    assert said in example.passages[passage].text
    assert example.answer == f"{example.copied} [{passage + 1}]"
    assert sum(p.sentences.count(said) for p in example.passages) == 1


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_broken_lines_hold_the_same_words(seed: int) -> None:
    draw = Draw(max_sentences=24, wrapped=1.0)
    for passage in sample_grounded(random.Random(seed), draw).passages:
        assert passage.width is not None
        assert len(passage.text) == len(passage.unwrapped)
        assert passage.text.split() == passage.unwrapped.split()
        assert all(
            len(line) <= passage.width or " " not in line[passage.width :]
            for line in passage.text.split("\n")
        )


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_few_words_are_the_answer_only_when_asked_for(seed: int) -> None:
    example = sample_grounded(random.Random(seed), Draw(facts=1.0, answerable=1.0))
    assert example.source is not None
    passage, sentence = example.source
    whole = example.copied == example.passages[passage].sentences[sentence]
    said = " ".join(content for _, content in example.messages).lower()
    asked = any(mark in said for mark in ("few words", "shortest", "only", "be brief.", "in short?"))
    assert whole != asked


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_what_is_unanswerable_has_no_answer_in_the_passages(seed: int) -> None:
    rng, draw = random.Random(seed), Draw(facts=1.0, answerable=0.0)
    example = sample_grounded(rng, draw)
    answered = sample_grounded(random.Random(seed), Draw(facts=1.0, answerable=1.0))
    assert example.answer == ABSTENTION
    assert answered.source is not None
    passage, sentence = answered.source
    missing = answered.passages[passage].sentences[sentence]
    assert missing not in [s for p in example.passages for s in p.sentences]


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_held_out_names_are_never_drawn_for_training(seed: int) -> None:
    rng = random.Random(seed)
    assert not held_out_name(made_up_word(rng))
    assert held_out_name(made_up_word(rng, held_out=True))


def test_held_out_prose_is_not_in_the_training_prose() -> None:
    kept, held_out = set(prose.split(held_out=False)), set(prose.split(held_out=True))
    assert len(held_out) > 100
    assert kept.isdisjoint(held_out)


def test_the_same_seed_draws_the_same_examples() -> None:
    first, second = (
        [sample(rng) for _ in range(40)] for rng in (random.Random("data"), random.Random("data"))
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


def test_training_never_sees_a_held_out_template() -> None:
    rng = random.Random(1)
    text = " ".join(
        sentence
        for _ in range(300)
        for passage in sample_grounded(rng, Draw(facts=1.0)).passages
        for sentence in passage.sentences
    )
    assert not re.search(r"We owe the|belongs to [A-Z]\w+ in|prize went to", text)
