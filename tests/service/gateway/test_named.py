"""Named requests, over both doors: done once, attached to, replayed, resumed, left, refused."""

import asyncio
import json

import grpc
import httpx
import openai
import pytest
from google.rpc import error_details_pb2, status_pb2
from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from serving.auth import digest
from serving.status import DETAILS_KEY

USER = [{"role": "user", "content": "hello there"}]


def prompt(text, **more):
    return text_pb2.GenerateRequest(prompt=text_pb2.Prompt(text=text), **more)


def reason(error):
    (detail, *_) = status_pb2.Status.FromString(dict(error.trailing_metadata())[DETAILS_KEY]).details
    return error_details_pb2.ErrorInfo.FromString(detail.value).reason


@pytest.fixture
async def stub(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        yield text_pb2_grpc.TextServiceStub(channel)


KEY = (("idempotency-key", "k"),)


async def test_a_call_again_gets_the_same_messages_and_says_so(doors, stub):
    calls = [stub.Generate(prompt("one two"), metadata=KEY) for _ in range(2)]
    one, other = [[message async for message in call] for call in calls]
    assert one == other
    initial = [dict(await call.initial_metadata()) for call in calls]
    assert {item.get("idempotency-replayed") for item in initial} == {None, "true"}
    trailing = [dict(await call.trailing_metadata()) for call in calls]
    assert trailing[0]["x-request-id"] != trailing[1]["x-request-id"]
    assert len(doors.text.intervals) == 1


async def test_unary_calls_too(doors, stub):
    request = text_pb2.EmbedRequest(inputs=["x"])
    answers = [await stub.Embed(request, metadata=KEY) for _ in range(2)]
    assert answers[0] == answers[1]
    with pytest.raises(grpc.aio.AioRpcError) as caught:  # there is nothing after its only message
        await stub.Embed(request, metadata=(*KEY, ("last-event-id", "1")))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(doors.text.calls) == 1


async def test_the_field_names_a_request_where_there_is_one(doors, stub, tmp_path):
    request = prompt("one two", request_id="r")
    assert [m async for m in stub.Generate(request)] == [m async for m in stub.Generate(request)]
    assert len(doors.text.intervals) == 1
    call = stub.Generate(prompt("three", request_id="r"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED")
    assert len(doors.text.intervals) == 1


async def test_answers_from_documents_are_replayed(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        stub = rag_pb2_grpc.RagServiceStub(channel)
        start = rag_pb2.IngestDocumentsStart(collection="notes")
        file = rag_pb2.File(id="n.txt", data=b"Cats purr. Dogs bark.")
        requests = [rag_pb2.IngestDocumentsRequest(start=start), rag_pb2.IngestDocumentsRequest(file=file)]
        assert [event async for event in stub.IngestDocuments(iter(requests))]
        asked = rag_pb2.AskRequest(collection="notes", question="Do cats purr?", request_id="q")
        first = [event async for event in stub.Ask(asked)]
        assert [event async for event in stub.Ask(asked)] == first
        assert [event async for event in stub.Ask(asked, metadata=(("last-event-id", "1"),))] == first[1:]
    assert len(doors.text.intervals) == 1


async def test_a_broken_stream_is_resumed_where_it_broke(doors, stub):
    call = stub.Generate(prompt("forever"), metadata=KEY)
    for _ in range(3):
        await call.read()
    call.cancel()
    resumed = stub.Generate(prompt("forever"), metadata=(*KEY, ("last-event-id", "2")))
    assert (await resumed.read()).delta.text == "."  # after started, and the prompt as the first delta
    whole = stub.Generate(prompt("forever"), metadata=KEY)
    assert (await whole.read()).HasField("started")
    assert len(doors.text.intervals) == 1
    assert not doors.text.cancelled.is_set()
    resumed.cancel()
    whole.cancel()


async def test_who_does_not_come_back_is_not_waited_for(make_doors):
    doors = await make_doors(resume_grace_s=0)
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        call = stub.Generate(prompt("forever"), metadata=KEY)
        await call.read()
        call.cancel()
        await asyncio.wait_for(doors.text.cancelled.wait(), 20)
        gone = stub.Generate(prompt("forever"), metadata=(*KEY, ("last-event-id", "1")))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gone.read()
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", ["", "a b", "k" * 256])
async def test_names_that_are_none(stub, name):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Embed(text_pb2.EmbedRequest(inputs=["x"]), metadata=(("idempotency-key", name),))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("number", ["", "-1", "1.0", "9" * 16, "x"])
async def test_numbers_that_are_none(stub, number):
    metadata = (*KEY, ("last-event-id", number))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Embed(text_pb2.EmbedRequest(inputs=["x"]), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_failed_is_tried_again(doors, stub):
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Embed(text_pb2.EmbedRequest(inputs=["vanish"]), metadata=KEY)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(doors.text.calls) == 2


async def lines(response, most=10**9):
    seen = []
    async for line in response.aiter_lines():
        if line:
            seen.append(line)
            if len(seen) == most:
                break
    return seen


BODY = {"messages": USER, "stream": True}
NAMED = {"idempotency-key": "k"}
PATH = "/v1/chat/completions"


async def test_a_post_again_gets_the_same_response(doors, client):
    calls = [
        client.chat.completions.with_raw_response.create(model="tiny", messages=USER, extra_headers=NAMED)
        for _ in range(2)
    ]
    first, second = await asyncio.gather(*calls)
    assert first.text == second.text
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert {first.headers.get("idempotency-replayed"), second.headers.get("idempotency-replayed")} == {
        None,
        "true",
    }
    assert len(doors.text.intervals) == 1


async def test_openais_client_reads_numbered_events(client):
    for _ in range(2):
        stream = await client.chat.completions.create(
            model="tiny", messages=USER, stream=True, extra_headers=NAMED
        )
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(texts) == "You said: hello there"


async def test_events_are_numbered_and_resumed_after_the_last_that_was_read(doors, plain):
    whole = await plain.post(PATH, json=BODY, headers=NAMED)
    seen = [line for line in whole.text.splitlines() if line]
    ids = [int(line.removeprefix("id: ")) for line in seen[::2]]
    assert ids == list(range(1, len(ids) + 1))
    assert seen[-1] == "data: [DONE]"
    for after in (0, 1, len(ids) - 1):
        resumed = await plain.post(PATH, json=BODY, headers={**NAMED, "last-event-id": str(after)})
        assert [line for line in resumed.text.splitlines() if line] == seen[2 * after :]
    over = await plain.post(PATH, json=BODY, headers={**NAMED, "last-event-id": str(len(ids))})
    assert (over.status_code, over.content) == (204, b"")
    assert len(doors.text.intervals) == 1
    beyond = await plain.post(PATH, json=BODY, headers={**NAMED, "last-event-id": str(len(ids) + 1)})
    assert beyond.status_code == 400


async def test_unnamed_events_have_no_numbers(plain):
    answer = await plain.post(PATH, json=BODY)
    assert all(line.startswith("data: ") for line in answer.text.splitlines() if line)


async def test_another_body_under_the_same_name_is_a_conflict_not_to_be_retried(plain, doors):
    assert (await plain.post(PATH, json=BODY, headers=NAMED)).status_code == 200
    other = await plain.post(PATH, json={**BODY, "n": 2}, headers=NAMED)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "request_id_reused")
    assert other.headers["x-should-retry"] == "false"
    assert len(doors.text.intervals) == 1
    elsewhere = await plain.post("/v1/completions", json={"prompt": "x"}, headers=NAMED)
    assert elsewhere.status_code == 200


async def test_a_stream_whose_reader_left_is_resumed(plain, doors):
    body = {"prompt": "forever", "stream": True}
    async with plain.stream("POST", "/v1/completions", json=body, headers=NAMED) as response:
        seen = await lines(response, 6)
    headers = {**NAMED, "last-event-id": seen[-2].removeprefix("id: ")}
    async with plain.stream("POST", "/v1/completions", json=body, headers=headers) as response:
        id, data = await lines(response, 2)
    assert int(id.removeprefix("id: ")) == int(seen[-2].removeprefix("id: ")) + 1
    assert json.loads(data.removeprefix("data: "))["choices"][0]["text"] == "."
    assert len(doors.text.intervals) == 1
    assert not doors.text.cancelled.is_set()


async def test_a_stream_that_nobody_resumes_is_cancelled(make_doors):
    doors = await make_doors(resume_grace_s=0)
    body = {"prompt": "forever", "stream": True}
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        async with plain.stream("POST", "/v1/completions", json=body, headers=NAMED) as response:
            assert await lines(response, 2)
        await asyncio.wait_for(doors.text.cancelled.wait(), 20)
        headers = {**NAMED, "last-event-id": "1"}
        assert (await plain.post("/v1/completions", json=body, headers=headers)).status_code == 404


async def test_failures_are_tried_again_over_http_too(client, doors):
    for _ in range(2):
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="other", messages=USER, extra_headers=NAMED)
    assert len(doors.text.intervals) == 2


async def test_a_stream_that_failed_midway_is_tried_again(plain, doors):
    body = {"prompt": "breaks", "stream": True}
    answers = [await plain.post("/v1/completions", json=body, headers=NAMED) for _ in range(2)]
    assert all(
        answer.status_code == 200 and '"code":"unavailable"' in answer.text.replace(" ", "")
        for answer in answers
    )
    assert all("idempotency-replayed" not in answer.headers for answer in answers)
    assert len(doors.text.intervals) == 2


@pytest.mark.parametrize("headers", [{"idempotency-key": "a b"}, {**NAMED, "last-event-id": "x"}])
async def test_names_and_numbers_that_are_none_over_http(plain, headers):
    assert (await plain.post(PATH, json=BODY, headers=headers)).status_code == 400


async def test_names_are_a_callers_own(make_doors, tmp_path):
    path = tmp_path / "keys.toml"
    entries = [("alice", "acme"), ("bob", "acme"), ("carol", "other")]
    path.write_text(
        "".join(
            f'[[keys]]\nname = "{name}"\nsha256 = "{digest(name)}"\ntenant = "{tenant}"\n'
            for name, tenant in entries
        )
    )
    doors = await make_doors(api_keys_file=path)
    async with httpx.AsyncClient(base_url=doors.http) as plain:

        async def post(name, **more):
            return await plain.post(
                PATH, json=BODY, headers={**NAMED, "authorization": f"Bearer {name}", **more}
            )

        assert (await post("alice")).status_code == 200
        for name in ("bob", "carol"):
            assert (await post(name, **{"last-event-id": "1"})).status_code == 404
            assert "idempotency-replayed" not in (await post(name)).headers
        assert (await post("mallory")).status_code == 401
        assert (await post("alice")).headers["idempotency-replayed"] == "true"
    assert len(doors.text.intervals) == 3
