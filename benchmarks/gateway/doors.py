"""Ways to the same text service: straight to it, through our gateway, and through LiteLLM's proxy before it."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from quadrille_client import AsyncClient
from quadrille_client.types.text import Delta

Ask = Callable[
    [str, int], AsyncIterator[int]
]  # a question and the tokens to answer with; tokens as they come
PATH = "chat/completions"


class DoorError(Exception):
    """A door answered something else than it was asked, or refused; `refused` tells which."""

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Door:
    """`name` is what rows call it; `pid` is of the process whose work it is, with its children.

    `streamed` has an answer's tokens as they come, `whole` has them when all are there.
    """

    name: str
    pid: int
    streamed: Ask
    whole: Ask


def by_sdk(client: AsyncClient, model: str) -> tuple[Ask, Ask]:
    """Over gRPC: streamed, and whole."""

    async def streamed(question: str, tokens: int) -> AsyncIterator[int]:
        stream = client.stream_chat(question, model=model, max_tokens=tokens, temperature=0, ignore_eos=True)
        async with stream as events:
            async for event in events:
                if isinstance(event, Delta):
                    yield len(event.token_ids)

    async def whole(question: str, tokens: int) -> AsyncIterator[int]:
        answer = await client.chat(question, model=model, max_tokens=tokens, temperature=0, ignore_eos=True)
        yield answer.finished.usage.completion_tokens

    return streamed, whole


def by_http(client: httpx.AsyncClient, model: str) -> tuple[Ask, Ask]:
    """As OpenAI's clients speak, but for their parsing, so that the doors are measured and not these."""

    def body(question: str, tokens: int) -> dict[str, Any]:
        messages = [{"role": "user", "content": question}]
        return {
            "model": model,
            "messages": messages,
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
        }

    async def streamed(question: str, tokens: int) -> AsyncIterator[int]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        seen = 0
        async with client.stream("POST", PATH, json=body(question, tokens) | options) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                raise failed(response)
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                chunk = json.loads(line.removeprefix("data: "))
                if any(choice["delta"].get("content") for choice in chunk["choices"]):
                    seen += 1
                    yield 1
                elif usage := chunk.get("usage"):  # the last; a chunk may have held several tokens
                    yield usage["completion_tokens"] - seen

    async def whole(question: str, tokens: int) -> AsyncIterator[int]:
        response = await client.post(PATH, json=body(question, tokens))
        if response.status_code != httpx.codes.OK:
            raise failed(response)
        yield response.json()["usage"]["completion_tokens"]

    return streamed, whole


def failed(response: httpx.Response) -> DoorError:
    """The error of an answer that is none."""
    return DoorError(response.text, refused=response.status_code == httpx.codes.TOO_MANY_REQUESTS)
