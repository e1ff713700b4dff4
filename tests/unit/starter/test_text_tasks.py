"""Few-shot prompts show one task, and end where the answer begins."""

import random

import pytest

from starter.text.evaluate import starts_with_answer
from starter.text.tasks import HELD_OUT, FewShot, sample_few_shot, tasks


@pytest.mark.parametrize("shots", [0, 1, 8])
def test_a_prompt_shows_as_many_examples_as_asked(shots: int) -> None:
    item = sample_few_shot(random.Random(1), shots)
    assert len(item.items) == shots + 1
    assert item.prompt.endswith(item.items[-1][0].rstrip(" "))
    assert not item.prompt.endswith(" ")  # the space is part of the answer's first token
    for before, answer, after in item.items[:-1]:
        assert before + answer + after in item.prompt


def test_all_examples_are_of_one_task() -> None:
    for seed in range(50):
        item = sample_few_shot(random.Random(seed), 4)
        shown = [answer for _, answer, _ in item.items]
        assert len({answer.startswith("(") for answer in shown}) == 1
        assert len({answer.endswith("!") for answer in shown}) == 1
        assert len({answer.isupper() for answer in shown if not answer.isdigit()}) <= 1


def test_held_out_tasks_are_apart() -> None:
    assert set(tasks(held_out=True)) == HELD_OUT
    assert HELD_OUT.isdisjoint(tasks(held_out=False))


@pytest.mark.parametrize(
    ("said", "right"),
    [(" DOG", True), (" DOG\nin: x", True), ("DOG", True), (" DOGS", False), (" DO", False), ("", False)],
)
def test_an_answer_counts_when_it_ends_as_the_examples_do(said: str, right: bool) -> None:
    item = FewShot((("in: cat, out: ", "CAT", "\n"), ("in: dog, out: ", "DOG", "\n")))
    assert starts_with_answer(said, item) is right
