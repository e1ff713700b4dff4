"""Several text servers behind one door, with the same model or with different ones."""

import asyncio
import contextlib
from pathlib import Path

import grpc
import httpx
import pytest
from gateway.__main__ import RETRIEVAL, Gateway
from gateway.config import GatewaySettings
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from quadrille.text.v1 import adapters_pb2, adapters_pb2_grpc, text_pb2, text_pb2_grpc
from quadrille_client import AsyncClient, FailedPreconditionError, NotFoundError, UnavailableError
from serving.config import ServiceSettings
from serving.errors import NotFound, Unavailable
from serving.server import GrpcServer
from textgen.config import TextgenSettings

EXAMPLE = Path(__file__).parents[3] / "clients/python/examples/several_servers.toml"
TEXT = "quadrille.text.v1.TextService"
ALL = [
    text_pb2.CAPABILITY_GENERATE,
    text_pb2.CAPABILITY_CHAT,
    text_pb2.CAPABILITY_EMBED,
]
CAPABILITIES = {"writer": [text_pb2.CAPABILITY_GENERATE], "embedder": [text_pb2.CAPABILITY_EMBED]}


class Server(text_pb2_grpc.TextServiceServicer, adapters_pb2_grpc.AdapterServiceServicer):
    """Has one model; counts what it is asked, and says its own name in its answers."""

    def __init__(self, name, model) -> None:
        self.name, self.model = name, model
        self.asked = []
        self.loras = []
        self.refuse = False
        self.hold = False
        self.go = asyncio.Event()

    async def ListModels(self, request, context):
        capabilities = CAPABILITIES.get(self.model, ALL)
        model = text_pb2.Model(
            id=self.model, capabilities=capabilities, context_length=64, embedding_dimension=1
        )
        return text_pb2.ListModelsResponse(models=[model])

    async def LoadLora(self, request, context):
        self.loras.append(request.name)
        return adapters_pb2.LoadLoraResponse(model=self.model, name=request.name)

    async def Embed(self, request, context):
        self._take(request)
        if self.hold:
            await self.go.wait()
        return text_pb2.EmbedResponse(
            model=self.model, model_stamp=self.name, embeddings=[text_pb2.Embedding(values=[1.0])]
        )

    async def Generate(self, request, context):
        self._take(request)
        yield text_pb2.GenerateResponse(started=text_pb2.GenerationStarted(model=self.model))
        if request.prompt.text == "break":
            raise Unavailable("gone in the middle")
        if request.prompt.text == "break off":
            return
        if request.prompt.text == "wait":
            await self.go.wait()
        for event in self._rest(text_pb2.GenerateResponse):
            yield event

    async def Chat(self, request, context):
        self._take(request)
        yield text_pb2.ChatResponse(started=text_pb2.GenerationStarted(model=self.model))
        for event in self._rest(text_pb2.ChatResponse):
            yield event

    def _take(self, request):
        if request.model not in ("", self.model):
            raise NotFound("model", request.model)
        self.asked.append(request)
        if self.refuse:
            raise Unavailable("this server is shutting down")

    def _rest(self, kind):
        end = text_pb2.SequenceResult(finish_reason=text_pb2.FINISH_REASON_STOP)
        yield kind(delta=text_pb2.GenerationDelta(text=self.name))
        yield kind(finished=text_pb2.GenerationFinished(sequences=[end]))


class Stack:
    """A gateway, its text servers and their addresses, by name."""

    def __init__(self, gateway, servicers, servers) -> None:
        self.gateway, self.servicers, self.servers = gateway, servicers, servers
        self.grpc = f"127.0.0.1:{gateway.server.port}"
        self.http = f"http://127.0.0.1:{gateway.http.bound_port}"

    def asked(self):
        return [len(servicer.asked) for servicer in self.servicers.values()]

    def sample(self, name, **labels):
        return self.gateway.server.registry.get_sample_value(f"quadrille_gateway_{name}", labels)


@pytest.fixture
async def make_stack(monkeypatch):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)
    async with contextlib.AsyncExitStack() as closing:

        async def make(models, **options):
            servicers, servers = {}, {}
            for name, model in models.items():
                server = GrpcServer(ServiceSettings(drain_grace_s=2), registry=CollectorRegistry())
                servicers[name] = Server(name, model)
                text_pb2_grpc.add_TextServiceServicer_to_server(servicers[name], server.grpc)
                adapters_pb2_grpc.add_AdapterServiceServicer_to_server(servicers[name], server.grpc)
                await server.start([TEXT])
                await server.set_serving()
                servers[name] = server
                closing.push_async_callback(server.drain)
            settings = GatewaySettings(
                port=0,
                http_port=0,
                text_addresses=tuple(f"127.0.0.1:{server.port}" for server in servers.values()),
                image_addresses=("127.0.0.1:1",),
                retrieval_address="127.0.0.1:1",
                health_interval_s=60,
                drain_grace_s=0,
                **options,
            )
            gateway = Gateway(settings)
            await gateway.server.start(gateway.services)
            await gateway.start()
            await gateway.watch.look()
            closing.push_async_callback(gateway.stop)
            closing.push_async_callback(gateway.server.drain)
            return Stack(gateway, servicers, servers)

        yield make


async def test_work_is_shared_by_those_that_have_the_model(make_stack):
    stack = await make_stack({"a": "llm", "b": "other", "c": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        for _ in range(3):
            await client.embed(["x"], model="llm")
            await client.embed(["x"])
        assert stack.asked() == [3, 0, 3]
        held = [asyncio.create_task(client.generate("wait", model="llm")) for _ in range(4)]
        while sum(stack.asked()) < 10:
            await asyncio.sleep(0.01)
        assert stack.asked() == [5, 0, 5]
        stack.servicers["a"].go.set()
        await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
        while len([task for task in held if task.done()]) < 2:
            await asyncio.sleep(0.01)
        await client.embed(["x"], model="llm")  # who has nothing to do
        assert stack.asked() == [6, 0, 5]
        stack.servicers["c"].go.set()
        await asyncio.gather(*held)


async def test_a_conversation_stays_where_its_beginning_is_cached(make_stack):
    stack = await make_stack({"a": "llm", "b": "llm", "c": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        talks = {number: [{"role": "user", "content": f"{number} " * 400}] for number in range(24)}
        at = {number: (await client.chat(talk, model="llm")).text for number, talk in talks.items()}
        assert len(set(at.values())) > 1
        for turn in range(3):
            for number, talk in talks.items():
                talk += [
                    {"role": "assistant", "content": at[number]},
                    {"role": "user", "content": f"and {turn}?"},
                ]
                assert (await client.chat(talk, model="llm")).text == at[number]
    async with httpx.AsyncClient(base_url=stack.http) as plain:  # the other way in
        for number, talk in talks.items():
            answer = await plain.post("/v1/chat/completions", json={"model": "llm", "messages": talk})
            assert answer.json()["choices"][0]["message"]["content"] == at[number]


async def test_a_lost_server_costs_no_call_and_is_found_again(make_stack):
    stack = await make_stack({"a": "llm", "b": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        for name in ("a", "b"):
            stack.servicers[name].refuse = True
            before = len(stack.servicers[name].asked)
            for _ in range(4):
                assert (await client.generate("x")).text != name
            assert len(stack.servicers[name].asked) <= before + 1
            stack.servicers[name].refuse = False
            await stack.gateway.watch.look()
        before = stack.asked()
        for _ in range(4):
            await client.embed(["x"])
        assert [now - then for now, then in zip(stack.asked(), before, strict=True)] == [2, 2]
        assert stack.sample("retries_total", outcome="made") >= 1


async def test_what_breaks_off_after_its_first_message_is_not_sent_again(make_stack):
    stack = await make_stack({"a": "llm", "b": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        with pytest.raises(UnavailableError, match="in the middle"):
            await client.generate("break")
    assert sum(stack.asked()) == 1


async def test_what_a_server_had_not_begun_to_answer_when_it_died_is_answered_by_another(make_stack):
    stack = await make_stack({"a": "llm", "b": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        for servicer in stack.servicers.values():
            servicer.hold = True
        calls = [asyncio.create_task(client.embed(["x"])) for _ in range(4)]
        while stack.asked() != [2, 2]:
            await asyncio.sleep(0.01)
        await stack.servers["a"].grpc.stop(None)
        while sum(stack.asked()) < 6:
            await asyncio.sleep(0.01)
        stack.servicers["b"].go.set()
        assert {result.model_stamp for result in await asyncio.gather(*calls)} == {"b"}


async def test_rolling_restarts_under_load_fail_no_call(make_stack):
    stack = await make_stack({"a": "llm", "b": "llm", "c": "llm"})
    stop = asyncio.Event()
    done = 0

    async def ask(client):
        nonlocal done
        while not stop.is_set():
            await client.generate("x", model="llm")
            await client.embed(["x"])
            done += 1

    async with AsyncClient(stack.grpc, max_retries=0) as client:
        asking = [asyncio.create_task(ask(client)) for _ in range(8)]
        for name in ("a", "b"):
            before = done
            await stack.servers[name].drain()
            while done < before + 30 and not any(task.done() for task in asking):
                await asyncio.sleep(0.01)
            await stack.gateway.watch.look()
        stop.set()
        await asyncio.gather(*asking)
    assert stack.gateway.watch.down == ("image", "retrieval")  # c has all that a and b had
    await stack.servers["c"].drain()
    await stack.gateway.watch.look()
    assert "text" in stack.gateway.watch.down


async def test_adapters_are_loaded_by_every_server_of_the_model(make_stack):
    stack = await make_stack({"a": "llm", "b": "other", "c": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        await client.loras.load("tune", model="llm")
    assert [servicer.loras for servicer in stack.servicers.values()] == [["tune"], [], ["tune"]]


async def test_another_model_stands_in_through_every_door(make_stack):
    stack = await make_stack(
        {"a": "big", "b": "small"}, model_fallbacks={"big": ("small",), "best": ("big", "small")}
    )
    async with (
        AsyncClient(stack.grpc, max_retries=0) as client,
        httpx.AsyncClient(base_url=stack.http) as plain,
    ):
        assert [model.id for model in await client.models()] == ["big", "small", "best"]
        assert (await client.generate("x", model="best")).started.model == "big"
        await stack.servers["a"].drain()
        for name in ("big", "best"):
            assert (await client.generate("x", model=name)).started.model == "small"
            assert (await client.embed(["x"], model=name)).model == "small"
            answer = await plain.post("/v1/completions", json={"model": name, "prompt": "x"})
            assert answer.json()["model"] == "small"
        assert [model.id for model in await client.models()] == ["small", "big", "best"]
        with pytest.raises(UnavailableError):
            await client.generate("x", model="none")
    assert stack.sample("fallbacks_total", model="best") == 4


async def test_the_example_of_several_servers_does_what_it_says(make_stack, monkeypatch):
    monkeypatch.setenv("QUADRILLE_CONFIG", str(EXAMPLE))
    assert len(GatewaySettings().text_addresses) == 3
    assert TextgenSettings().metrics_port == 0  # there are several on one machine
    stack = await make_stack({"a": "starter", "b": "starter", "c": "starter-mixture"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        assert "best" in [model.id for model in await client.models()]
        for lost, answers in ((None, "starter"), ("a", "starter"), ("b", "starter-mixture")):
            if lost is not None:
                await stack.servers[lost].drain()
            for name in ("starter", "best"):
                assert (await client.generate("x", model=name)).started.model == answers


async def test_nobody_stands_in_for_what_has_no_fallback(make_stack):
    stack = await make_stack({"a": "llm", "b": "llm"})
    async with AsyncClient(stack.grpc, max_retries=0) as client:
        with pytest.raises(NotFoundError):
            await client.generate("x", model="best")


@pytest.fixture
async def two(make_stack):
    """One writes, one embeds."""
    return await make_stack({"writer": "writer", "embedder": "embedder"})


async def test_each_request_goes_to_the_server_that_holds_its_model(two):
    async with AsyncClient(two.grpc, max_retries=0) as client:
        assert [model.id for model in await client.models()] == ["writer", "embedder"]
        assert (await client.model("embedder")).id == "embedder"
        assert (await client.embed(["x"])).model == "embedder"
        assert (await client.embed(["x"], model="embedder")).model == "embedder"
        assert (await client.generate("x", model="writer")).started.model == "writer"
        assert (await client.loras.load("x")).model == "writer"
        assert (await client.loras.load("x", model="embedder")).model == "embedder"
        with pytest.raises(NotFoundError):
            await client.generate("x", model="other")
        with pytest.raises(FailedPreconditionError, match="QUADRILLE_TEXTGEN_MODELS"):
            await client.rerank("q", ["d"])


async def test_a_lost_server_takes_only_its_own_models_along(two):
    async with AsyncClient(two.grpc, max_retries=0) as client:
        assert (await client.embed(["x"])).model == "embedder"
        await two.servers["embedder"].drain()
        with pytest.raises(UnavailableError) as caught:
            await client.embed(["x"])
        assert caught.value.retry_after_s is not None
        assert [model.id for model in await client.models()] == ["writer"]
        with pytest.raises(UnavailableError):  # nobody can tell that this model exists nowhere
            await client.generate("x", model="other")
        assert (await client.generate("x")).started.model == "writer"


async def test_health_follows_each_service(two):
    async with grpc.aio.insecure_channel(two.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def serving(service):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            return answer.status == health_pb2.HealthCheckResponse.SERVING

        assert await serving(TEXT)
        assert two.gateway.watch.down == ("image", "retrieval")
        assert not await serving("quadrille.image.v1.ImageService")
        assert not any([await serving(item.full_name) for item in RETRIEVAL])
        assert not await serving("quadrille.gateway.v1.RagService")
        assert not await serving("")
        watched = health.Watch(health_pb2.HealthCheckRequest(service=TEXT))
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
        await two.servers["embedder"].drain()
        await two.gateway.watch.look()
        assert await serving(TEXT)  # the other one's models can be used
        assert two.gateway.watch.down == ("text", "image", "retrieval")
        await two.servers["writer"].drain()
        await two.gateway.watch.look()
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched.cancel()


async def test_http_lists_what_can_be_reached_and_says_when_a_stream_breaks_off(two):
    async with httpx.AsyncClient(base_url=two.http) as plain:
        listed = (await plain.get("/v1/models")).json()["data"]
        assert [model["id"] for model in listed] == ["writer", "embedder"]
        whole = await plain.post("/v1/completions", json={"prompt": "break off"})
        assert (whole.status_code, whole.json()["error"]["code"]) == (503, "unavailable")
        stream = await plain.post("/v1/completions", json={"prompt": "break off", "stream": True})
        assert "ended its stream early" in stream.text
        assert "[DONE]" not in stream.text
        assert (await plain.post("/v1/images/generations", json={"prompt": "x"})).status_code == 503
