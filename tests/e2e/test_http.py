"""The HTTP door of the true stack, through the official OpenAI client and as plain HTTP."""

import base64

import httpx
import openai
import pytest

USER = [{"role": "user", "content": "What is Quadrille?"}]


@pytest.fixture(scope="module")
def plain(stack):
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports.http}", timeout=120) as http:
        yield http


@pytest.fixture(scope="module")
def official(stack):
    base = f"http://127.0.0.1:{stack.ports.http}/v1"
    with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as client:
        yield client


def test_models(official):
    assert {model.id for model in official.models.list()} == {
        "starter",
        "starter-seq2seq",
        "starter-mixture",
        "starter-flow",
        "starter-gan",
        "minilm",
    }
    assert official.models.retrieve("minilm").owned_by == "quadrille"


def test_chat_whole_and_streamed_say_the_same(official):
    options = {"model": "starter", "messages": USER, "max_tokens": 16, "temperature": 0}
    whole = official.chat.completions.create(**options, logprobs=True, top_logprobs=2)
    assert whole.usage.completion_tokens == len(whole.choices[0].logprobs.content)
    assert len(whole.choices[0].logprobs.content[0].top_logprobs) == 2
    stream = official.chat.completions.create(**options, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


def test_completions_whole_and_streamed_say_the_same(official):
    options = {"model": "starter", "prompt": "Once", "max_tokens": 16, "seed": 3, "n": 2}
    whole = official.completions.create(**options)
    pieces = ["", ""]
    for chunk in official.completions.create(**options, stream=True):
        for choice in chunk.choices:
            pieces[choice.index] += choice.text
    assert pieces == [choice.text for choice in whole.choices]


def test_an_answer_keeps_to_a_schema(official):
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    form = {
        "type": "json_schema",
        "json_schema": {"name": "ok", "schema": {**schema, "additionalProperties": False}},
    }
    answer = official.chat.completions.create(
        model="starter", messages=USER, response_format=form, max_tokens=256, seed=1
    )
    assert set(httpx.Response(200, text=answer.choices[0].message.content).json()) == {"ok"}


def test_characters_come_whole_over_sse(plain):
    letters = "äöü漢字🙂"
    form = {"type": "json_schema", "json_schema": {"name": "word", "schema": {"enum": [letters * 3]}}}
    body = {"messages": USER, "response_format": form, "stream": True, "max_tokens": 128}
    with plain.stream("POST", "/v1/chat/completions", json=body) as response:
        events = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    deltas = [
        httpx.Response(200, text=event).json()["choices"][0]["delta"].get("content", "") for event in events
    ]
    assert len([delta for delta in deltas if delta]) > 3
    assert set("".join(deltas)) == {*letters, '"'}
    assert not any("\ufffd" in delta for delta in deltas)


def test_embeddings(official):
    answer = official.embeddings.create(model="minilm", input=["cats purr", "kittens meow"])
    assert [len(item.embedding) for item in answer.data] == [384, 384]
    assert answer.usage.prompt_tokens > 4
    assert len(official.embeddings.create(model="minilm", input="x", dimensions=64).data[0].embedding) == 64


def test_images_whole_and_streamed(official):
    answer = official.images.generate(
        model="starter", prompt="a blue square", n=2, size="64x64", extra_body={"steps": 4}
    )
    assert all(base64.b64decode(item.b64_json).startswith(b"\x89PNG") for item in answer.data)
    stream = official.images.generate(
        model="starter", prompt="a blue square", stream=True, partial_images=2, extra_body={"steps": 6}
    )
    kinds = [event.type.removeprefix("image_generation.") for event in stream]
    assert kinds == ["partial_image", "partial_image", "completed"]


async def test_the_asynchronous_client_is_served_too(stack):
    base = f"http://127.0.0.1:{stack.ports.http}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="starter", messages=USER, stream=True, max_tokens=4
        )
        assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "length"


LONG = "word " * 4000
REFUSED = {
    "too long a prompt": ("completions", {"prompt": LONG}, 400, "prompt"),
    "too long a conversation": (
        "chat/completions",
        {"messages": [{"role": "user", "content": LONG}]},
        400,
        "messages",
    ),
    "too many tokens": ("completions", {"prompt": "x", "max_tokens": 10**9}, 400, "max_tokens"),
    "too many sequences": ("completions", {"prompt": "x", "n": 10**9}, 400, "n"),
    "too many prompts": ("completions", {"prompt": ["x"] * 10**5}, 400, "prompt"),
    "a temperature that is none": ("completions", {"prompt": "x", "temperature": -1}, 400, "temperature"),
    "too many alternatives": ("completions", {"prompt": "x", "logprobs": 21}, 400, "logprobs"),
    "too many stops": ("completions", {"prompt": "x", "stop": ["x"] * 17}, 400, "stop"),
    "a bias of no token": ("completions", {"prompt": "x", "logit_bias": {"999999": 1}}, 400, "logit_bias"),
    "no message": ("chat/completions", {"messages": []}, 400, "messages"),
    "an unknown role": (
        "chat/completions",
        {"messages": [{"role": "x", "content": "x"}]},
        400,
        "messages[0].role",
    ),
    "a template": ("chat/completions", {"messages": USER, "chat_template": "{{ x }}"}, 403, None),
    "no input": ("embeddings", {"input": []}, 400, "input"),
    "an empty input": ("embeddings", {"input": ["x", ""]}, 400, "input[1]"),
    "too many inputs": ("embeddings", {"input": ["x"] * 1025}, 400, "input"),
    "too many dimensions": ("embeddings", {"input": "x", "dimensions": 385}, 400, "dimensions"),
    "a model that cannot": ("embeddings", {"model": "starter", "input": "x"}, 400, "model"),
    "an unknown model": ("embeddings", {"model": "../x", "input": "x"}, 404, None),
    "too large an image": ("images/generations", {"prompt": "x", "size": "99999x10000"}, 400, "width"),
    "too many steps": ("images/generations", {"prompt": "x", "steps": 10**6}, 400, "steps"),
    "too many images": ("images/generations", {"prompt": "x", "n": 17}, 400, "n"),
    "negative steps": ("images/generations", {"prompt": "x", "steps": -1}, 400, "steps"),
    "too long an image's prompt": ("images/generations", {"prompt": LONG}, 400, "prompt"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_has_openais_form_and_names_the_parameter(plain, what):
    path, body, status, param = REFUSED[what]
    response = plain.post(f"/v1/{path}", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (status, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert response.headers["x-request-id"]


def test_a_body_over_the_limit(plain):
    response = plain.post("/v1/completions", content=bytes(17 * 1024 * 1024))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_health_readiness_and_metrics(plain):
    assert plain.get("/healthz").json() == {"status": "alive"}
    assert plain.get("/readyz").json() == {"status": "ready"}
    assert 'quadrille_gateway_http_requests_total{route="/readyz",status="200"}' in plain.get("/metrics").text
