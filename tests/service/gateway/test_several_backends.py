"""Two text servers with different models behind one door, and what happens when one is lost."""

import contextlib

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
from serving.server import GrpcServer

TEXT = "quadrille.text.v1.TextService"
CAPABILITIES = {"llm": text_pb2.CAPABILITY_GENERATE, "embedder": text_pb2.CAPABILITY_EMBED}


class OneModel(text_pb2_grpc.TextServiceServicer, adapters_pb2_grpc.AdapterServiceServicer):
    """Says which model it is."""

    def __init__(self, name: str) -> None:
        self.model = text_pb2.Model(id=name, capabilities=[CAPABILITIES[name]], embedding_dimension=1)

    async def ListModels(self, request, context):
        return text_pb2.ListModelsResponse(models=[self.model])

    async def LoadLora(self, request, context):
        return adapters_pb2.LoadLoraResponse(model=self.model.id, name=request.name)

    async def Embed(self, request, context):
        return text_pb2.EmbedResponse(model=self.model.id, embeddings=[text_pb2.Embedding(values=[1.0])])

    async def Generate(self, request, context):
        yield text_pb2.GenerateResponse(started=text_pb2.GenerationStarted(model=self.model.id))
        if request.prompt.text != "break off":
            end = text_pb2.SequenceResult(finish_reason=text_pb2.FINISH_REASON_STOP)
            yield text_pb2.GenerateResponse(finished=text_pb2.GenerationFinished(sequences=[end]))


@pytest.fixture
async def stack(monkeypatch):
    """A gateway over the servers "llm" and "embedder"; image and retrieval are not there."""
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)
    servers = {}
    for name in CAPABILITIES:
        server = GrpcServer(ServiceSettings(drain_grace_s=0), registry=CollectorRegistry())
        text_pb2_grpc.add_TextServiceServicer_to_server(OneModel(name), server.grpc)
        adapters_pb2_grpc.add_AdapterServiceServicer_to_server(OneModel(name), server.grpc)
        await server.start([TEXT])
        await server.set_serving()
        servers[name] = server
    settings = GatewaySettings(
        port=0,
        http_port=0,
        text_addresses=tuple(f"127.0.0.1:{server.port}" for server in servers.values()),
        image_addresses=("127.0.0.1:1",),
        retrieval_address="127.0.0.1:1",
        health_interval_s=60,
        drain_grace_s=0,
    )
    gateway = Gateway(settings)
    await gateway.server.start(gateway.services)
    await gateway.start()
    await gateway.watch.look()
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(gateway.stop)
        closing.push_async_callback(gateway.server.drain)
        for server in servers.values():
            closing.push_async_callback(server.drain)
        yield gateway, servers


async def test_each_request_goes_to_the_server_that_holds_its_model(stack):
    gateway, _ = stack
    async with AsyncClient(f"127.0.0.1:{gateway.server.port}", max_retries=0) as client:
        assert [model.id for model in await client.models()] == ["llm", "embedder"]
        assert (await client.model("embedder")).id == "embedder"
        assert (await client.embed(["x"])).model == "embedder"
        assert (await client.embed(["x"], model="embedder")).model == "embedder"
        assert (await client.generate("x", model="llm")).started.model == "llm"
        assert (await client.loras.load("x")).model == "llm"
        assert (await client.loras.load("x", model="embedder")).model == "embedder"
        with pytest.raises(NotFoundError):
            await client.generate("x", model="other")
        with pytest.raises(FailedPreconditionError, match="QUADRILLE_TEXTGEN_MODELS"):
            await client.rerank("q", ["d"])


async def test_a_lost_server_takes_only_its_own_models_along(stack):
    gateway, servers = stack
    async with AsyncClient(f"127.0.0.1:{gateway.server.port}", max_retries=0) as client:
        assert (await client.embed(["x"])).model == "embedder"
        await servers["embedder"].drain()
        with pytest.raises(UnavailableError) as caught:
            await client.embed(["x"])
        assert caught.value.retry_after_s is not None
        assert [model.id for model in await client.models()] == ["llm"]
        with pytest.raises(UnavailableError):  # nobody can tell that this model exists nowhere
            await client.generate("x", model="other")
        assert (await client.generate("x")).started.model == "llm"


async def test_health_follows_each_service(stack):
    gateway, servers = stack
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.server.port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def serving(service):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            return answer.status == health_pb2.HealthCheckResponse.SERVING

        assert await serving(TEXT)
        assert gateway.watch.down == ("image", "retrieval")
        assert not await serving("quadrille.image.v1.ImageService")
        assert not any([await serving(item.full_name) for item in RETRIEVAL])
        assert not await serving("quadrille.gateway.v1.RagService")
        assert not await serving("")
        watched = health.Watch(health_pb2.HealthCheckRequest(service=TEXT))
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
        await servers["embedder"].drain()
        await gateway.watch.look()
        assert await serving(TEXT)  # the other one's models can be used
        assert gateway.watch.down == ("text", "image", "retrieval")
        await servers["llm"].drain()
        await gateway.watch.look()
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched.cancel()


async def test_http_lists_what_can_be_reached_and_says_when_a_stream_breaks_off(stack):
    gateway, _ = stack
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.http.bound_port}") as plain:
        listed = (await plain.get("/v1/models")).json()["data"]
        assert [model["id"] for model in listed] == ["llm", "embedder"]
        whole = await plain.post("/v1/completions", json={"prompt": "break off"})
        assert (whole.status_code, whole.json()["error"]["code"]) == (503, "unavailable")
        stream = await plain.post("/v1/completions", json={"prompt": "break off", "stream": True})
        assert "ended its stream early" in stream.text
        assert "[DONE]" not in stream.text
        assert (await plain.post("/v1/images/generations", json={"prompt": "x"})).status_code == 503
