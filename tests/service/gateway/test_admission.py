"""Limits, queues and fairness at both doors, over real servers."""

import asyncio
import contextlib
import re

import grpc
import httpx
import openai
import pytest
from google.rpc import error_details_pb2, status_pb2
from quadrille.text.v1 import text_pb2
from quadrille_client import AsyncClient, DeadlineExceededError, OverloadedError
from serving.keys import digest

TEXT = "/quadrille.text.v1.TextService"


def key_file(path, text):
    path.write_text(text)
    return path


def entry(name, more="", tenant="acme"):
    return f'[[keys]]\nname = "{name}"\nsha256 = "{digest(name)}"\ntenant = "{tenant}"\n{more}\n'


def client_of(doors, key=None):
    return AsyncClient(doors.grpc, api_key=key, max_retries=0)


def openai_of(doors, key="none"):
    return openai.AsyncOpenAI(base_url=f"{doors.http}/v1", api_key=key, max_retries=0)


@contextlib.asynccontextmanager
async def occupied(doors, key=None):
    """The only place for answers is taken."""
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        generate = channel.unary_stream(
            f"{TEXT}/Generate",
            text_pb2.GenerateRequest.SerializeToString,
            text_pb2.GenerateResponse.FromString,
        )
        call = generate(text_pb2.GenerateRequest(prompt={"text": "forever"}), metadata=metadata)
        assert (await call.read()).HasField("started")
        try:
            yield call
        finally:
            call.cancel()
            await doors.text.cancelled.wait()


async def metrics_of(doors):
    async with httpx.AsyncClient(base_url=doors.http) as client:
        return (await client.get("/metrics")).text


async def waiting(doors, many):
    """Until so many wait for their turn."""
    while f'pool_waiting{{pool="generate"}} {many:.1f}' not in await metrics_of(doors):
        await asyncio.sleep(0.01)


def details(error):
    trailers = dict(error.trailing_metadata())
    found = {}
    for detail in status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo):
            message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    return trailers, found


async def test_both_doors_wait_in_one_queue_and_refuse_what_is_over_it(make_doors):
    doors = await make_doors(generate_places=1, queue_requests=2)
    async with client_of(doors) as client, openai_of(doors) as http:
        async with occupied(doors):
            said = [{"role": "user", "content": "one"}]
            chat = asyncio.create_task(http.chat.completions.create(model="tiny", messages=said))
            await waiting(doors, 1)
            generated = asyncio.create_task(client.generate("two"))
            await waiting(doors, 2)
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                async with grpc.aio.insecure_channel(doors.grpc) as channel:
                    chatting = channel.unary_stream(f"{TEXT}/Chat")
                    async for _ in chatting(text_pb2.ChatRequest().SerializeToString()):
                        pass
            assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            trailers, told = details(failed.value)
            assert told["ErrorInfo"].reason == "QUEUE_FULL"
            delay_ms = told["RetryInfo"].retry_delay.ToMilliseconds()
            assert delay_ms == int(trailers["grpc-retry-pushback-ms"]) > 0
            with pytest.raises(openai.RateLimitError) as refused:
                await http.completions.create(model="tiny", prompt="three")
            assert refused.value.code == "queue_full"
            assert int(refused.value.response.headers["retry-after-ms"]) > 0
            # What asks another kind of work of the models does not wait for these.
            assert (await client.embed("x")).vectors
        assert (await chat).choices[0].message.content == "You said: one"
        assert (await generated).text == "two"


async def test_a_question_waits_in_the_same_queue(make_doors, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("The store keeps its truth in SQLite.")
    doors = await make_doors(generate_places=1, queue_requests=1)
    async with client_of(doors) as client:
        async for _ in client.ingest("notes", [note]):
            pass
        async with occupied(doors):
            asked = asyncio.create_task(client.ask("notes", "Where is the truth of the store?"))
            await waiting(doors, 1)
            with pytest.raises(OverloadedError):
                await client.ask("notes", "Where is the truth of the store?")
        assert (await asked).text


async def test_who_stops_waiting_leaves_the_queue(make_doors):
    doors = await make_doors(generate_places=1)
    async with occupied(doors), client_of(doors) as client:
        leaving = asyncio.create_task(client.generate("x"))
        await waiting(doors, 1)
        leaving.cancel()
        await waiting(doors, 0)


async def test_a_deadline_that_the_queue_outlasts_is_refused_without_touching_the_backend(make_doors):
    doors = await make_doors(generate_places=1)
    async with occupied(doors), client_of(doors) as client:
        seen = len(doors.text.intervals)
        with pytest.raises(DeadlineExceededError):
            await client.with_options(timeout=0.2).generate("x")
        assert len(doors.text.intervals) == seen


async def test_other_tenants_pass_by_one_that_fills_the_queue(make_doors, tmp_path):
    keys = key_file(tmp_path / "keys.toml", entry("heavy", tenant="h") + entry("light", tenant="l"))
    doors = await make_doors(api_keys_file=keys, generate_places=1, queue_requests=3)
    async with client_of(doors, "heavy") as heavy, client_of(doors, "light") as light:
        async with occupied(doors, "heavy"):
            filling = [asyncio.create_task(heavy.generate(f"{number}")) for number in range(3)]
            await waiting(doors, 3)
            passing = asyncio.create_task(light.generate("light"))
            done, _ = await asyncio.wait(filling, return_when=asyncio.FIRST_COMPLETED)
            (gone,) = done
            assert gone.exception().reason == "EVICTED"
        assert (await passing).text == "light"
        assert all([(await one).text for one in filling if one is not gone])


async def test_a_keys_requests_are_counted_together_at_both_doors(make_doors, tmp_path):
    limited = entry("ann", "limits = { requests_per_minute = 2 }") + entry("bob")
    doors = await make_doors(api_keys_file=key_file(tmp_path / "keys.toml", limited))
    async with client_of(doors, "ann") as client, openai_of(doors, "ann") as http:
        await client.models()
        await http.models.list()
        with pytest.raises(OverloadedError) as failed:
            await client.models()
        assert (failed.value.reason, failed.value.retry_after_s > 20) == ("RATE_LIMITED_REQUESTS", True)
        with pytest.raises(openai.RateLimitError) as refused:
            await http.models.list()
        assert refused.value.code == "rate_limited_requests"
        assert int(refused.value.response.headers["retry-after"]) > 20
    async with client_of(doors, "bob") as client:
        await client.models()


async def test_a_limited_key_is_told_what_is_left_of_its_limits(make_doors, tmp_path):
    limited = entry("ann", "limits = { requests_per_minute = 3, tokens_per_minute = 600 }") + entry("bob")
    doors = await make_doors(api_keys_file=key_file(tmp_path / "keys.toml", limited))
    said = [{"role": "user", "content": "a b"}]
    async with openai_of(doors, "ann") as http, openai_of(doors, "bob") as unlimited:
        answer = await http.chat.completions.with_raw_response.create(model="tiny", messages=said)
        assert answer.parse().choices[0].message.content == "You said: a b"
        used = 7 + 4  # as the service counts them, for the answer is whole
        told = answer.headers
        assert told["x-ratelimit-limit-requests"] == "3"
        assert told["x-ratelimit-remaining-requests"] == "2"
        assert re.fullmatch(r"\d+(\.\d+)?s", told["x-ratelimit-reset-requests"])
        assert told["x-ratelimit-limit-tokens"] == "600"
        assert 600 - used <= int(told["x-ratelimit-remaining-tokens"]) <= 600
        assert re.fullmatch(r"[\d.]+m?s", told["x-ratelimit-reset-tokens"])
        stream = await http.chat.completions.with_raw_response.create(
            model="tiny", messages=said, stream=True
        )
        assert [chunk async for chunk in stream.parse()]
        assert stream.headers["x-ratelimit-remaining-requests"] == "1"
        await http.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            await http.models.list()
        assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        free = await unlimited.chat.completions.with_raw_response.create(model="tiny", messages=said)
        assert not [name for name in free.headers if name.startswith("x-ratelimit")]
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        for path in ("/healthz", "/v1/models"):
            answer = await plain.get(path)
            assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_a_stream_counts_as_one_at_once_until_it_ends(make_doors, tmp_path):
    limited = entry("ann", "limits = { concurrent_requests = 1 }")
    doors = await make_doors(api_keys_file=key_file(tmp_path / "keys.toml", limited))
    async with openai_of(doors, "ann") as http, client_of(doors, "ann") as client:
        async with await http.completions.create(model="tiny", prompt="forever", stream=True) as stream:
            await anext(aiter(stream))
            with pytest.raises(openai.RateLimitError) as refused:
                await http.models.list()
            assert refused.value.code == "too_many_concurrent"
            with pytest.raises(OverloadedError, match="at once"):
                await client.models()
        await doors.text.cancelled.wait()
        while True:  # until the server has seen it go
            with contextlib.suppress(openai.RateLimitError):
                await http.models.list()
                break
            await asyncio.sleep(0.01)


async def test_tokens_are_counted_at_both_doors_as_the_service_counts_them(make_doors, tmp_path):
    limited = (
        entry("ann") + "[tenants.acme]\nlimits = { tokens_per_minute = 100000, tokens_per_day = 1000 }\n"
    )
    quotas = tmp_path / "quotas.json"
    keys = key_file(tmp_path / "keys.toml", limited)
    doors = await make_doors(api_keys_file=keys, quota_file=quotas)
    async with openai_of(doors, "ann") as http, client_of(doors, "ann") as client:
        await http.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "a b"}])
        await client.generate("c d e")
        await client.embed(["f", "g"])
        used = (7 + 4) + (7 + 3) + 2
        metrics = await metrics_of(doors)
        assert f'tenant_tokens_total{{tenant="acme"}} {used:.1f}' in metrics
        assert 'fairness_index{pool="generate"} 1.0' in metrics
    await doors.gateway.stop()
    assert f'"tenant acme": {used}' in quotas.read_text()
    quotas.write_text(quotas.read_text().replace(f": {used}", ": 999"))
    doors = await make_doors(api_keys_file=keys, quota_file=quotas)
    async with client_of(doors, "ann") as client:
        with pytest.raises(OverloadedError) as failed:
            await client.generate("x")
        assert failed.value.reason == "QUOTA_EXHAUSTED"
        await client.models()


async def test_where_nobody_serves_nobody_waits(make_doors):
    doors = await make_doors(generate_places=1, health_interval_s=3600)
    async with occupied(doors), client_of(doors) as client:
        for replica in doors.gateway._backends.pools["text"].replicas:
            replica.lost()
        with pytest.raises(Exception, match="no backend serves this now") as failed:
            await client.generate("x")
        assert failed.value.code is grpc.StatusCode.UNAVAILABLE
