"""No request can harm the engine: whatever is asked is answered, or refused by a code that says whose fault it is."""

import grpc
import pytest
from google.protobuf import message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quadrille.text.v1 import text_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["TextService"]
of_every_rpc = pytest.mark.parametrize("rpc", list(SERVICE.methods), ids=lambda rpc: rpc.name)
MODELS = ("llama", "t5", "embedder", "reranker", "masked")
REFUSED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def mostly(meant, any_value):
    """What is refused ends a request at once, so that most values are those that are not."""
    return st.integers(0, 15).flatmap(lambda place: meant if place else any_value)


TEXTS = st.one_of(
    st.lists(st.sampled_from(("the cat", " dog", "[MASK]", "<|end|>", "\u0000", "狐", "\n")), max_size=6).map(
        "".join
    ),
    st.text(max_size=40),
)
IDS = mostly(st.integers(0, 299), st.integers(-1, 600))  # of a vocabulary of 300
FIELDS = {
    "model": mostly(st.one_of(st.just(""), st.just(""), st.sampled_from(MODELS)), st.text(max_size=3)),
    "text": TEXTS,
    "content": TEXTS,
    "inputs": TEXTS,
    "documents": TEXTS,
    "query": TEXTS,
    "continuations": TEXTS,
    "role": mostly(st.sampled_from((1, 2, 2, 2, 3)), st.integers(0, 9)),
    "max_tokens": mostly(st.integers(1, 8), st.integers(-1, 200)),
    "n": mostly(st.integers(1, 3), st.integers(-1, 200)),
    # A name for one request is refused for another.
    "request_id": st.one_of(st.just(""), st.just(""), st.text(min_size=8, max_size=8)),
    "temperature": mostly(st.floats(0, 2, width=32), st.floats(width=32)),
    "top_p": mostly(st.floats(0.125, 1, width=32), st.floats(width=32)),
    "min_p": mostly(st.floats(0, 1, width=32), st.floats(width=32)),
    "repetition_penalty": mostly(st.floats(0.5, 2, width=32), st.floats(width=32)),
    "frequency_penalty": mostly(st.floats(-2, 2, width=32), st.floats(width=32)),
    "presence_penalty": mostly(st.floats(-2, 2, width=32), st.floats(width=32)),
    "stop": mostly(st.sampled_from(("the", "x")), st.text(max_size=3)),
    "top_k": mostly(st.integers(0, 400), st.integers(-(2**31), 2**31 - 1)),
    "logprobs": mostly(st.integers(0, 20), st.integers(-1, 200)),
    "prompt_logprobs": mostly(st.integers(0, 20), st.integers(-1, 200)),
    "seed": mostly(st.integers(0, 2**63 - 17), st.integers(-(2**63), 2**63 - 1)),
    "stop_token_ids": IDS,
    "key": IDS,
    "value": mostly(st.floats(-100, 100, width=32), st.floats(width=32)),
    "choices": mostly(st.sampled_from(("a", "the cat", "狐")), TEXTS),
    "lora": mostly(st.just(""), st.text(max_size=3)),
    "priority": mostly(st.integers(-100, 100), st.integers(-(2**31), 2**31 - 1)),
    "ids": IDS,
    "token_ids": IDS,
    "regex": st.one_of(st.sampled_from(("[ab]+", "(the|cat)", "(", "a{9999}")), st.text(max_size=12)),
    "json_schema": st.one_of(st.sampled_from(("{}", '{"type": "integer"}', "{", "[]")), st.text(max_size=12)),
    "grammar": st.one_of(st.sampled_from(('start: "a" "b"', "start: x")), st.text(max_size=12)),
}
# The server is one for all examples, and so may take its time.
SHARED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.fixture
async def served(serve):
    return await serve(*MODELS)


async def ask(rpc, address, data, messages, fault):
    """One request; AssertionError when its end is none that was promised."""
    kind, answer = (message_factory.GetMessageClass(each) for each in (rpc.input_type, rpc.output_type))
    request = data.draw(messages(kind, rare=("structured_output",), **FIELDS))
    path = f"/{SERVICE.full_name}/{rpc.name}"
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            if rpc.server_streaming:
                call = channel.unary_stream(path, kind.SerializeToString, answer.FromString)
                received = [part async for part in call(request, timeout=60)]
                assert received[-1].HasField("finished")
            else:
                await channel.unary_unary(path, kind.SerializeToString, answer.FromString)(
                    request, timeout=60
                )
        except grpc.aio.AioRpcError as error:
            assert error.code() in REFUSED, (rpc.name, request, error)
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                assert fault(error), (rpc.name, request, error)


@of_every_rpc
@given(data=st.data())
@settings(max_examples=120, **SHARED)
async def test_any_request_is_answered_or_refused(rpc, served, messages, fault, data):
    await ask(rpc, served.address, data, messages, fault)
    assert served.worker.healthy(stall_seconds=5)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@of_every_rpc
@given(data=st.data())
@settings(max_examples=10_000, **SHARED)
async def test_a_hundred_thousand_requests_are(rpc, served, messages, fault, data):
    await ask(rpc, served.address, data, messages, fault)
    assert served.worker.healthy(stall_seconds=5)
