"""LangChain's classes for OpenAI, at Quadrille's door."""

import asyncio
from typing import Literal

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from openai import BadRequestError
from pydantic import BaseModel

QUESTION = "What is Quadrille?"


@tool
def double(number: Literal[1, 2]) -> int:
    """Double a number."""
    return 2 * number


class Verdict(BaseModel):
    """Whether something holds."""

    holds: bool


@pytest.fixture
def chat(base_url):
    return ChatOpenAI(
        base_url=base_url, api_key="none", model="starter", temperature=0, max_tokens=24, max_retries=0
    )


def test_a_chat_is_answered_and_counted(chat):
    answer = chat.invoke(QUESTION)
    assert answer.text
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["model_name"] == "starter"


def test_a_stream_says_the_same_and_counts_too(chat):
    pieces = list(chat.stream(QUESTION, stream_usage=True))
    whole = chat.invoke(QUESTION)
    assert "".join(piece.text for piece in pieces) == whole.text
    assert sum(piece.usage_metadata["output_tokens"] for piece in pieces if piece.usage_metadata) > 0


async def ask(chat):
    return [piece.text async for piece in chat.astream(QUESTION)]


def test_the_asynchronous_stream(chat):
    assert "".join(asyncio.run(ask(chat))) == chat.invoke(QUESTION).text


def test_logprobs(chat):
    answer = chat.bind(logprobs=True, top_logprobs=2).invoke(QUESTION)
    entries = answer.response_metadata["logprobs"]["content"]
    assert len(entries) == answer.usage_metadata["output_tokens"]
    assert all(len(entry["top_logprobs"]) == 2 for entry in entries)


def test_structured_output_is_of_its_class(chat):
    chat = chat.model_copy(update={"max_tokens": 100})
    answer = chat.with_structured_output(Verdict, method="json_schema").invoke(QUESTION)
    assert isinstance(answer, Verdict)


def test_a_forced_call_and_its_result(chat):
    chat = chat.model_copy(update={"model_name": "tools", "max_tokens": 200})
    asked = chat.bind_tools([double], tool_choice="double").invoke("What is 2 times 2?")
    (call,) = asked.tool_calls
    assert call["name"] == "double"
    assert set(call["args"]) == {"number"}
    result = ToolMessage(str(double.invoke(call["args"])), tool_call_id=call["id"])
    assert chat.bind_tools([double]).invoke([HumanMessage("What is 2 times 2?"), asked, result]) is not None


def test_several_conversations_at_once(chat):
    answers = chat.batch([QUESTION, "Hello"])
    assert [bool(answer.text) for answer in answers] == [True, True]


def test_completions(base_url):
    text = OpenAI(base_url=base_url, api_key="none", model="starter", temperature=0, max_tokens=8)
    assert "".join(text.stream("Once")) == text.invoke("Once")


def test_embeddings(base_url):
    # Off: LangChain would send tokens of OpenAI's vocabulary, which are other words in any other model's.
    vectors = OpenAIEmbeddings(
        base_url=base_url, api_key="none", model="minilm", check_embedding_ctx_length=False
    )
    cats, kittens, cars = vectors.embed_documents(["cats purr", "kittens meow", "cars need petrol"])
    near, far = (sum(x * y for x, y in zip(cats, other, strict=True)) for other in (kittens, cars))
    assert near > far
    assert vectors.embed_query("cats purr") == pytest.approx(cats, abs=1e-4)


def test_refusals_name_the_parameter(chat):
    with pytest.raises(BadRequestError) as caught:
        chat.bind(max_tokens=10**9).invoke(QUESTION)
    assert caught.value.param == "max_tokens"
