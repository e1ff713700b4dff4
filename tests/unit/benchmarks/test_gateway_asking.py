import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from quadrille_client import InvalidArgumentError, OverloadedError

from benchmarks.gateway.asking import closed, one, opened, questions, refused
from benchmarks.gateway.doors import DoorError

TOKENS = 3


class Answering:
    """Answers with so many tokens, and knows how many it answered at once."""

    def __init__(self, tokens: int = TOKENS, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.most = self.running = 0
        self._tokens, self._error = tokens, error

    async def __call__(self, question: str, tokens: int) -> AsyncIterator[int]:
        self.asked.append(question)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        for _ in range(self._tokens):
            yield 1
        self.running -= 1


def test_no_two_questions_are_alike_and_a_seed_gives_the_same() -> None:
    asked = questions(200, seed=1)
    assert len(set(asked)) == 200
    assert asked == questions(200, seed=1) != questions(200, seed=2)


async def test_so_many_clients_ask_at_once_and_every_question_once() -> None:
    ask = Answering()
    outcomes = await closed(ask, asked := questions(10, seed=0), 4, TOKENS)
    assert sorted(ask.asked) == sorted(asked)
    assert ask.most == 4
    assert all(outcome.first_s is not None and outcome.tokens == TOKENS for outcome in outcomes)


async def test_those_that_come_due_do_not_wait_for_answers() -> None:
    ask = Answering()
    outcomes = await opened(ask, questions(30, seed=0), 1e6, seed=0, tokens=TOKENS)
    assert len(outcomes) == 30
    assert ask.most > 1


async def test_an_answer_that_is_short_counts_as_none() -> None:
    assert (await one(Answering(TOKENS - 1), "question", 0.0, TOKENS)).first_s is None


OVERLOADED = OverloadedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
INVALID = InvalidArgumentError(grpc.StatusCode.INVALID_ARGUMENT, "wrong")


@pytest.mark.parametrize(
    ("error", "is_refusal"),
    [
        (OVERLOADED, True),
        (INVALID, False),
        (DoorError("slow down", refused=True), True),
        (DoorError("broken", refused=False), False),
    ],
)
async def test_only_what_is_no_refusal_is_told_of(
    error: Exception, is_refusal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(error) is is_refusal
    assert (await one(Answering(error=error), "question", 0.0, TOKENS)).first_s is None
    assert (capsys.readouterr().err == "") is is_refusal
