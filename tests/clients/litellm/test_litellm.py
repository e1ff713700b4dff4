"""LiteLLM as a library, at Quadrille's door as a provider that speaks OpenAI's API."""

import asyncio
import json

import litellm
import pytest

USER = [{"role": "user", "content": "What is Quadrille?"}]
PARAMETERS = {"type": "object", "properties": {"number": {"enum": [1, 2]}}, "required": ["number"]}
FUNCTION = {"name": "double", "parameters": {**PARAMETERS, "additionalProperties": False}}
TOOLS = [{"type": "function", "function": FUNCTION}]
NAMED = {"type": "function", "function": {"name": "double"}}


@pytest.fixture
def chat(base_url):
    def ask(model="starter", call=litellm.completion, **options):
        options = {"temperature": 0, "max_tokens": 24, "messages": USER, **options}
        return call(model=f"openai/{model}", api_base=base_url, api_key="none", max_retries=0, **options)

    return ask


def test_a_chat_and_its_stream_say_the_same(chat):
    whole = chat()
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens > 0
    assert litellm.stream_chunk_builder(chunks).choices[0].finish_reason == whole.choices[0].finish_reason


def test_the_asynchronous_call(chat):
    answer = asyncio.run(chat(call=litellm.acompletion, n=2, seed=7, temperature=1))
    assert len(answer.choices) == 2


def test_structured_output(chat):
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    form = {"name": "ok", "strict": True, "schema": {**schema, "additionalProperties": False}}
    answer = chat(response_format={"type": "json_schema", "json_schema": form}, max_tokens=100)
    assert isinstance(json.loads(answer.choices[0].message.content)["ok"], bool)


def test_a_forced_call(chat):
    answer = chat("tools", tools=TOOLS, tool_choice=NAMED, max_tokens=200)
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "double"
    assert set(json.loads(call.function.arguments)) == {"number"}


def test_completions(base_url):
    text = litellm.text_completion(
        model="text-completion-openai/starter", prompt="Once", api_base=base_url, api_key="none", max_tokens=8
    )
    assert text.choices[0].text


def test_embeddings(base_url):
    answer = litellm.embedding(
        model="openai/minilm",
        input=["cats purr", "x"],
        dimensions=64,
        allowed_openai_params=["dimensions"],
        api_base=base_url,
        api_key="none",
    )
    assert [len(item["embedding"]) for item in answer.data] == [64, 64]


def test_rerank(base_url):
    """As a vLLM server, which is what LiteLLM knows this form of."""
    documents = ["a dog", "cats", "purr"]
    answer = litellm.rerank(
        model="hosted_vllm/reranker",
        query="cat",
        documents=documents,
        top_n=2,
        return_documents=True,
        api_base=base_url,
        api_key="none",
    )
    scores = [item["relevance_score"] for item in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert [item["document"]["text"] for item in answer.results] == [
        documents[item["index"]] for item in answer.results
    ]
    assert len(scores) == 2


def test_errors_are_litellms_own(chat):
    with pytest.raises(litellm.BadRequestError, match="max_tokens"):
        chat(max_tokens=10**9)
    with pytest.raises(litellm.NotFoundError):
        chat("other")
