"""What every TextBackend promises, held against the adapter over gRPC and what stands before it."""

import asyncio
from functools import partial

import pytest
from gateway.adapters.health import GrpcHealthProbe
from gateway.adapters.text import GrpcTextBackend, text_router
from gateway.balancing.balancer import Balancer
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.domain.text import (
    ChatMessage,
    ChatRequest,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    RerankResult,
    Role,
    Sampling,
    StructuredOutput,
    TextCapability,
)
from gateway.domain.tools import NamedTool, Tool, ToolCall, ToolCallDelta
from gateway.embeddings.cache import CacheMetrics, VectorCache
from gateway.embeddings.lookup import Lookup
from gateway.embeddings.text import RememberingText, stamps_of
from gateway.metrics import GatewayMetrics
from prometheus_client import CollectorRegistry
from quadrille.text.v1 import text_pb2, text_pb2_grpc, tools_pb2
from serving.channel import open_channel
from serving.config import ServiceSettings
from serving.errors import InvalidInput, Unavailable
from serving.server import GrpcServer
from serving.testing import running


class Service(text_pb2_grpc.TextServiceServicer):
    """Keeps what it was asked; answers by the prompt."""

    def __init__(self) -> None:
        self.asked = []
        self.ended = asyncio.Event()

    async def ListModels(self, request, context):
        model = text_pb2.Model(
            id="m", capabilities=[1, 2, 4, 99], context_length=64, embedding_dimension=2, stamp="m@sha256:00"
        )
        return text_pb2.ListModelsResponse(models=[model])

    async def Chat(self, request, context):
        self.asked.append(request)
        yield text_pb2.ChatResponse(started=text_pb2.GenerationStarted(model="m", seed=7))
        if request.tools:
            call = {"index": 0, "id": "x", "name": "a", "arguments": "{}"}
            yield text_pb2.ChatResponse(delta=text_pb2.GenerationDelta(tool_calls=[call]))
            yield text_pb2.ChatResponse(
                finished=text_pb2.GenerationFinished(sequences=[{"finish_reason": 3}])
            )
            return
        yield text_pb2.ChatResponse(delta=text_pb2.GenerationDelta(text="hi"))
        finished = text_pb2.GenerationFinished(
            sequences=[{"finish_reason": 2}], timings={"energy_joules": 0.0}
        )
        yield text_pb2.ChatResponse(finished=finished)

    async def Generate(self, request, context):
        self.asked.append(request)
        if request.prompt.text == "bad":
            raise InvalidInput("prompt.text", "is bad")
        try:
            yield text_pb2.GenerateResponse(started=text_pb2.GenerationStarted(model="m"))
            while request.prompt.text == "forever":
                yield text_pb2.GenerateResponse(delta=text_pb2.GenerationDelta(text="."))
                await asyncio.sleep(0.01)
        finally:
            self.ended.set()

    async def Embed(self, request, context):
        self.asked.append(request)
        return text_pb2.EmbedResponse(
            embeddings=[{"values": [0.5, 1.5]}] * len(request.inputs),
            model="m",
            model_stamp="m@sha256:00",
            usage={"prompt_token_count": 3},
            timings={"energy_joules": 1.5},
        )

    async def Rerank(self, request, context):
        self.asked.append(request)
        results = [{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25}]
        return text_pb2.RerankResponse(results=results, model="m", usage={"prompt_token_count": 9})

    async def Tokenize(self, request, context):
        self.asked.append(request)
        return text_pb2.TokenizeResponse(tokens=[{"end_byte": 2}, {"end_byte": 5}])


def over(*addresses):
    def connect(address, name):
        channel = open_channel(address, server_name=name)
        return Replica(address, channel, GrpcHealthProbe(address, channel))

    pool = Pool(addresses, connect)
    router = text_router(pool)
    return pool, GrpcTextBackend(router, Balancer(router, GatewayMetrics(CollectorRegistry())))


@pytest.fixture
async def service():
    return Service()


def remembering(inner):
    cache = VectorCache(1_000_000, CacheMetrics(CollectorRegistry()))
    return RememberingText(inner, Lookup(cache, partial(stamps_of, inner)))


@pytest.fixture(params=[lambda inner: inner, remembering], ids=["grpc", "remembering"])
async def backend(service, request):
    server = GrpcServer(ServiceSettings(drain_grace_s=0), registry=CollectorRegistry())
    text_pb2_grpc.add_TextServiceServicer_to_server(service, server.grpc)
    async with running(server, services=["quadrille.text.v1.TextService"]) as address:
        pool, backend = over(address)
        yield request.param(backend)
        await pool.close()


async def test_models_keep_the_capabilities_that_are_known(backend):
    (model,) = await backend.list_models()
    assert model.capabilities == {TextCapability.GENERATE, TextCapability.CHAT, TextCapability.EMBED}
    assert (model.context_length, model.embedding_dimension, model.stamp) == (64, 2, "m@sha256:00")


async def test_a_stream_begins_with_started_and_ends_with_finished(backend):
    request = ChatRequest("m", (ChatMessage(Role.USER, "x"),))
    events = [event async for event in backend.chat(request)]
    assert [type(event) for event in events] == [GenerationStarted, GenerationDelta, GenerationFinished]
    assert events[-1].sequences[0].finish_reason is FinishReason.LENGTH
    assert events[-1].energy_joules == 0.0


async def test_options_that_are_set_go_along_and_others_stay_absent(backend, service):
    sampling = Sampling(
        temperature=0.0,
        seed=0,
        stop=("a",),
        logit_bias={3: -1.0},
        structured_output=StructuredOutput("choice", ("x", "y")),
    )
    turns = (ChatMessage(Role.SYSTEM, "s"),)
    async for _ in backend.chat(ChatRequest("m", turns, sampling, priority=-3, lora="own")):
        pass
    (sent,) = service.asked
    assert {field.name for field, _ in sent.sampling.ListFields()} == {
        "temperature",
        "seed",
        "stop",
        "logit_bias",
        "structured_output",
    }
    assert list(sent.sampling.structured_output.choice.choices) == ["x", "y"]
    assert (sent.messages[0].role, sent.priority, sent.lora) == (text_pb2.ROLE_SYSTEM, -3, "own")


async def test_tools_go_along_and_calls_come_back(backend, service):
    turns = (
        ChatMessage(Role.ASSISTANT, "", (ToolCall("1", "a", "{}"),)),
        ChatMessage(Role.TOOL, "done", tool_call_id="1"),
    )
    tools = (Tool("a", "About.", '{"type": "object"}'),)
    for choice in (None, "required", NamedTool("a")):
        request = ChatRequest("m", turns, tools=tools, tool_choice=choice, parallel_tool_calls=False)
        events = [event async for event in backend.chat(request)]
    assert events[1].tool_calls == (ToolCallDelta(0, "x", "a", "{}"),)
    assert events[2].sequences[0].finish_reason is FinishReason.TOOL_CALLS
    absent, mode, name = service.asked
    assert not absent.HasField("tool_choice")
    assert mode.tool_choice.mode == tools_pb2.TOOL_CHOICE_MODE_REQUIRED
    assert name.tool_choice.name == "a"
    assert (name.tools[0].name, name.tools[0].parameters) == ("a", '{"type": "object"}')
    assert (name.messages[0].tool_calls[0].id, name.messages[1].tool_call_id) == ("1", "1")
    assert (name.HasField("parallel_tool_calls"), name.parallel_tool_calls) == (True, False)


async def test_errors_are_domain_errors(backend):
    with pytest.raises(InvalidInput) as caught:
        await anext(backend.generate(GenerateRequest("m", "bad")))
    assert (caught.value.field, caught.value.description) == ("prompt.text", "is bad")


async def test_a_stream_that_breaks_off_is_unavailable(backend):
    with pytest.raises(Unavailable, match="early"):
        async for _ in backend.generate(GenerateRequest("m", "short")):
            pass


async def test_closing_a_stream_cancels_the_call(backend, service):
    events = backend.generate(GenerateRequest("m", "forever"))
    await anext(events)
    await events.aclose()
    await asyncio.wait_for(service.ended.wait(), 5)


async def test_embeddings_and_tokens(backend, service):
    result = await backend.embed(EmbedRequest("m", ("a", "b"), dimensions=2, truncate=True))
    assert result.vectors == ((0.5, 1.5), (0.5, 1.5))
    assert (result.model_stamp, result.prompt_token_count) == ("m@sha256:00", 3)
    assert result.energy_joules == 1.5
    assert list(await backend.token_ends("m", "hello")) == [2, 5]
    assert service.asked[-1].add_special_tokens is False


async def test_relevance_comes_in_the_order_of_the_documents(backend, service):
    result = await backend.rerank("m", "why?", ["a", "b"])
    assert result == RerankResult((0.25, 0.75), "m", 9)
    asked = service.asked[-1]
    assert (asked.model, asked.query, list(asked.documents)) == ("m", "why?", ["a", "b"])


async def test_nobody_there_is_unavailable():
    pool, backend = over("127.0.0.1:1")
    for work in (backend.list_models(), backend.embed(EmbedRequest("", ("a",))), backend.token_ends("", "a")):
        with pytest.raises(Unavailable) as caught:
            await work
        assert caught.value.metadata["service"] == "quadrille.text.v1.TextService"
    await pool.close()
