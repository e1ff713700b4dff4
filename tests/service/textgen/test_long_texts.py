"""Texts that take long to tokenize hold nobody else up, and are then read or refused like all others."""

import asyncio

import pytest
from serving.errors import InvalidInput
from textgen.domain import ChatMessage, ChatRequest, GenerateRequest, Prompt, Role, Sampling, ScoreRequest

LONG = "the cat " * 2000  # longer than any context here


def prompted(engine):
    return anext(engine.generate(GenerateRequest("llama", Prompt(text=LONG), Sampling(), "")))


def chatted(engine):
    message = ChatMessage(Role.USER, LONG)
    return anext(engine.chat(ChatRequest("llama", (message,), (), Sampling(), "")))


def scored(engine):
    return engine.score(ScoreRequest("llama", None, (LONG,)))


@pytest.mark.parametrize(
    ("ask", "field"),
    [(prompted, "prompt.text"), (chatted, "messages"), (scored, r"continuations\[0\]")],
)
async def test_a_long_text_is_refused_without_holding_up_the_event_loop(serve, ask, field):
    asked = asyncio.ensure_future(ask((await serve("llama")).engine))
    await asyncio.sleep(0)
    assert not asked.done()  # it waits for another thread
    with pytest.raises(InvalidInput, match=field):
        await asked


async def test_a_long_text_is_split_into_the_tokens_of_its_parts(serve):
    engine = (await serve("llama")).engine
    asked = asyncio.ensure_future(engine.tokenize("llama", LONG, special=False))
    await asyncio.sleep(0)
    assert not asked.done()
    spans, _ = await asked
    assert "".join(LONG.encode()[span.start_byte : span.end_byte].decode() for span in spans) == LONG
    once, _ = await engine.tokenize("llama", LONG[:79], special=False)
    assert [span.token_id for span in spans[: len(once)]] == [span.token_id for span in once]
