"""The life of a request: refused in time, requeued, or failed alone."""

import asyncio
import threading

import grpc
import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2
from quadrille.text.v1 import text_pb2, text_pb2_grpc


def detail(error, kind):
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    found = kind()
    assert any(each.Unpack(found) for each in status.details)
    return found


def request(prompt, **sampling):
    ids = text_pb2.TokenIds(ids=prompt)
    parameters = text_pb2.SamplingParameters(temperature=0, ignore_eos=True, **sampling)
    return text_pb2.GenerateRequest(prompt=text_pb2.Prompt(token_ids=ids), sampling=parameters)


async def collect(call):
    return [token async for event in call for token in event.delta.token_ids]


async def test_too_many_waiting_tokens_are_refused_with_a_time(serve):
    served = await serve("llama", max_batch_size=1, max_waiting_tokens=100)
    async with grpc.aio.insecure_channel(served.address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        running = stub.Generate(request([5] * 4, max_tokens=100))
        for _ in range(2):
            await running.read()
        waiting = asyncio.create_task(collect(stub.Generate(request([5] * 80, max_tokens=1))))
        while served.value("requests_waiting", model="llama") != 1:
            await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await collect(stub.Generate(request([5] * 30, max_tokens=1)))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        retry = detail(caught.value, error_details_pb2.RetryInfo).retry_delay
        assert retry != duration_pb2.Duration()
        running.cancel()
        assert len(await waiting) == 1


async def test_a_deadline_that_cannot_be_met_is_refused_before_the_device_is_touched(serve):
    served = await serve("llama")
    (lane,) = (lane for lane in served.worker._lanes if hasattr(lane, "_scheduler"))
    lane._measured(1000, 1e6)  # a device that reads a token in a quarter of an hour
    async with grpc.aio.insecure_channel(served.address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        passes = served.value("batch_size_count", model="llama")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await collect(stub.Generate(request([5] * 30, max_tokens=1), timeout=30))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert detail(caught.value, error_details_pb2.ErrorInfo).domain == "quadrille"
        assert served.value("batch_size_count", model="llama") == passes
        assert served.value("admission_rejections_total", model="llama", reason="deadline") == 1
        assert len(await collect(stub.Generate(request([5] * 30, max_tokens=1)))) == 1


async def test_after_a_stuck_pass_who_was_sent_nothing_is_answered_and_others_fail(serve, monkeypatch):
    served = await serve("llama")
    (lane,) = (lane for lane in served.worker._lanes if hasattr(lane, "_scheduler"))
    stuck, freed, kind = threading.Event(), threading.Event(), type(lane._runner)
    step = kind.step

    def hang(runner, spans):
        if not stuck.is_set() and len(spans) == 2:
            stuck.set()
            freed.wait(20)
        return step(runner, spans)

    async with grpc.aio.insecure_channel(served.address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        expected = await collect(stub.Generate(request([7, 8, 9], max_tokens=5)))
        monkeypatch.setattr(kind, "step", hang)
        first = stub.Generate(request([5] * 4, max_tokens=100))
        for _ in range(2):
            await first.read()
        second = asyncio.create_task(collect(stub.Generate(request([7, 8, 9], max_tokens=5))))
        assert await asyncio.to_thread(stuck.wait, 10)
        served.worker.restart()
        assert await second == expected
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while await first.read() is not grpc.aio.EOF:
                pass
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        freed.set()
        assert await collect(stub.Generate(request([7, 8, 9], max_tokens=5))) == expected


async def test_a_prompt_is_read_once(serve):
    served = await serve("llama")
    prompt = [3 + place % 50 for place in range(80)]
    answers = [
        await served.client.generate(prompt, max_tokens=4, temperature=0, ignore_eos=True) for _ in range(2)
    ]
    assert answers[0].text == answers[1].text
    assert served.value("prefix_cache_hits_total", model="llama") == 79


async def test_a_request_that_is_named_is_answered_once(serve):
    served = await serve("llama")
    passes = []
    async with grpc.aio.insecure_channel(served.address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)
        named = request([7, 8, 9], max_tokens=5)
        named.request_id = "mine"
        answers = []
        for _ in range(2):
            answers.append([event async for event in stub.Generate(named)])
            passes.append(served.value("batch_size_count", model="llama"))
        assert answers[0] == answers[1]
        assert passes[0] == passes[1]
        named.sampling.max_tokens = 6
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await collect(stub.Generate(named))
    violation = detail(caught.value, error_details_pb2.BadRequest).field_violations[0]
    assert violation.field == "request_id"
