import asyncio
import base64
import json

import httpx
import openai
import pytest
from serving.keys import digest

USER = [{"role": "user", "content": "hello there"}]


async def test_tokens_are_gathered_for_callers_who_wait_for_the_whole(client, doors):
    for stream in (False, True):
        chat = await client.chat.completions.create(model="tiny", messages=USER, stream=stream)
        text = await client.completions.create(model="tiny", prompt="x", stream=stream)
        for answer in (chat, text) if stream else ():
            assert [chunk async for chunk in answer]
    assert doors.text.intervals == [1000, 1000, 0, 0]


async def test_chat(client):
    answer = await client.chat.completions.create(model="tiny", messages=USER, n=2, logprobs=True)
    assert [choice.message.content for choice in answer.choices] == ["You said: hello there"] * 2
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].logprobs.content[0].logprob == -0.5
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 8)


async def test_chat_streams_and_ends_with_usage(client):
    stream = await client.chat.completions.create(
        model="", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: hello there"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 11


async def test_adapters_are_asked_for_by_name(client):
    for create, said in (
        (client.chat.completions.create, {"messages": USER}),
        (client.completions.create, {"prompt": "x"}),
    ):
        assert (await create(model="tiny", **said, extra_body={"lora": "own"})).choices
        with pytest.raises(openai.NotFoundError, match="lora 'other'"):
            await create(model="tiny", **said, extra_body={"lora": "other"})


async def test_a_token_that_is_part_of_a_character_has_no_bytes(client):
    broken = [{"role": "user", "content": "\ufffd"}]
    answer = await client.chat.completions.create(model="tiny", messages=broken, logprobs=True)
    *_, said, part = answer.choices[0].logprobs.content
    assert bytes(said.bytes).decode() == said.token == "said: "
    assert part.bytes is None


async def test_the_clients_own_helper_follows_a_stream(client):
    async with client.chat.completions.stream(model="tiny", messages=USER) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= set(kinds)
    assert final.choices[0].message.content == "You said: hello there"


async def test_completions(client):
    whole = await client.completions.create(model="tiny", prompt=["one two", "three"], logprobs=0)
    assert [(choice.index, choice.text) for choice in whole.choices] == [(0, "one two"), (1, "three")]
    assert whole.choices[0].logprobs.text_offset == [0, 4]
    assert (await client.completions.create(model="tiny", prompt=[1, 2])).choices[0].text == "ids"
    assert whole.usage.prompt_tokens_details.cached_tokens == 6


async def test_completions_stream_and_end_with_usage(client):
    options = {"model": "tiny", "prompt": "a b c"}
    whole = await client.completions.create(**options)
    stream = await client.completions.create(**options, stream=True, stream_options={"include_usage": True})
    *chunks, last = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text == "a b c"
    assert (last.choices, last.usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks)


async def test_an_answer_may_be_sent_back_as_it_came(client):
    first = await client.chat.completions.create(model="tiny", messages=USER)
    turns = [*USER, first.choices[0].message.model_dump(), *USER]
    again = await client.chat.completions.create(model="tiny", messages=turns)
    assert again.choices[0].message == first.choices[0].message


async def test_embeddings_in_both_encodings(client, plain):
    parsed = await client.embeddings.create(model="hash", input=["a", "b"])
    body = {"model": "hash", "input": "a"}
    floats = (await plain.post("/v1/embeddings", json=body)).json()["data"][0]["embedding"]
    assert len(parsed.data) == 2
    assert parsed.data[0].embedding == pytest.approx(floats)


async def test_tokens_are_no_text_to_embed(client):
    for tokens in ([1, 2], [[1], [2]]):
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length") as caught:
            await client.embeddings.create(model="hash", input=tokens)
        assert caught.value.body["param"] == "input"


async def test_images(client):
    answer = await client.images.generate(model="flat", prompt="red", n=2)
    assert all(base64.b64decode(item.b64_json).startswith(b"\x89PNG") for item in answer.data)
    stream = await client.images.generate(model="flat", prompt="red", stream=True, partial_images=1)
    assert [event.type async for event in stream] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]


async def test_withheld_images_are_errors(client):
    with pytest.raises(openai.BadRequestError) as caught:
        await client.images.generate(model="flat", prompt="withheld")
    assert caught.value.body["code"] == "moderation_blocked"
    with pytest.raises(openai.APIError, match="withheld by the safety filter"):
        async for _ in await client.images.generate(model="flat", prompt="withheld", stream=True):
            pass


async def test_models(client):
    assert [model.id async for model in client.models.list()] == ["tiny", "hash", "flat"]
    assert (await client.models.retrieve("hash")).id == "hash"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("other")


async def test_errors_have_openais_form(client):
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="other", messages=USER)
    assert caught.value.body["code"] == "not_found"
    assert caught.value.response.headers["x-request-id"]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.images.generate(model="flat", prompt="red", size="512x512")
    assert caught.value.body["param"] == "width"


BAD = [
    {"messages": USER, "best_practice": True},
    {"messages": []},
    {"messages": [{"role": "wizard", "content": "x"}]},
    {"messages": USER, "temperature": "hot"},
    {"messages": USER, "top_logprobs": 3},
    {"messages": USER, "max_tokens": 1, "max_completion_tokens": 2},
    {"messages": USER, "response_format": {"type": "json_schema"}},
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: ",".join(body))
async def test_bad_bodies_are_refused_by_name(plain, body):
    response = await plain.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.json()["error"]["param"]


async def test_bodies_that_are_too_deep_too_long_or_no_json(make_doors):
    doors = await make_doors(max_http_body_bytes=4096)
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        deep = '{"messages":' + "[" * 200 + "]" * 200 + "}"
        headers = {"content-type": "application/json"}
        assert (await plain.post("/v1/chat/completions", content=deep, headers=headers)).status_code == 400
        assert (await plain.post("/v1/chat/completions", content=b"x" * 5000)).status_code == 413
        broken = await plain.post("/v1/chat/completions", content="{", headers=headers)
        assert broken.status_code == 400
        nan = '{"messages":[{"role":"user","content":"x"}],"temperature":NaN}'
        assert (await plain.post("/v1/chat/completions", content=nan, headers=headers)).status_code == 400
        assert (await plain.get("/nowhere")).status_code == 404
        wrong = await plain.get("/v1/embeddings")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_health_readiness_and_metrics(plain, doors):
    assert (await plain.get("/healthz")).json() == {"status": "alive"}
    assert (await plain.get("/readyz")).status_code == 200
    page = (await plain.get("/metrics")).text
    assert 'quadrille_gateway_http_requests_total{route="/readyz",status="200"} 1.0' in page
    assert "quadrille_gateway_backend_up" in page
    assert "quadrille_rpc_in_flight" in page


async def test_not_ready_names_what_is_missing(make_doors):
    doors = await make_doors(text_address="127.0.0.1:1")
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        response = await plain.get("/readyz")
        assert (response.status_code, response.json()["waiting_for"]) == (503, ["text"])
        failed = await plain.post("/v1/chat/completions", json={"messages": USER})
        assert failed.status_code == 503
        assert "retry-after-ms" in failed.headers


async def test_a_client_that_leaves_cancels_the_call_behind(plain, doors):
    body = {"prompt": "forever", "stream": True, "max_tokens": 5}
    async with plain.stream("POST", "/v1/completions", json=body) as response:
        async for line in response.aiter_lines():
            if line:
                assert json.loads(line.removeprefix("data: "))["choices"]
                break
    await asyncio.wait_for(doors.text.cancelled.wait(), 5)


async def test_a_client_that_leaves_before_the_answer_cancels_too(plain, doors):
    with pytest.raises(httpx.ReadTimeout):
        await plain.post("/v1/completions", json={"prompt": "forever"}, timeout=0.3)
    await asyncio.wait_for(doors.text.cancelled.wait(), 5)
    labels = {"route": "/v1/completions", "status": "499"}
    async with asyncio.timeout(5):
        while not doors.gateway.server.registry.get_sample_value(
            "quadrille_gateway_http_requests_total", labels
        ):
            await asyncio.sleep(0.01)


async def test_keys_hold_for_http(make_doors, tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "t"\nsha256 = "{digest("good")}"\nscopes = ["text"]\n')
    doors = await make_doors(api_keys_file=path)
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        assert (await plain.get("/healthz")).status_code == 200
        refused = await plain.get("/v1/models")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        good = {"authorization": "Bearer good"}
        assert (await plain.get("/v1/models", headers=good)).status_code == 200
        image = await plain.post("/v1/images/generations", json={"prompt": "x"}, headers=good)
        assert image.status_code == 403
