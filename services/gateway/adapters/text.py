"""The text port over one or several textgen servers."""

from collections.abc import AsyncGenerator, Mapping, Sequence

import grpc
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from serving.errors import Unavailable

from gateway.adapters.calls import Caller
from gateway.convert import text as convert
from gateway.domain import text as domain
from gateway.routing import ModelEntry, Router

SERVICE: str = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name
_LIST_TIMEOUT_S = 5.0


def text_router(
    channels: Mapping[str, grpc.aio.Channel], api_key: str | None = None
) -> Router[text_pb2.Model]:
    """A router over textgen servers, by address."""
    stubs = {address: text_pb2_grpc.TextServiceStub(channel) for address, channel in channels.items()}
    caller = Caller(SERVICE, api_key)

    async def fetch(address: str) -> Sequence[text_pb2.Model]:
        request = text_pb2.ListModelsRequest()
        return (await caller.unary(stubs[address].ListModels, request, _LIST_TIMEOUT_S)).models

    return Router(tuple(channels), fetch, _describe, option="QUADRILLE_TEXTGEN_MODELS")


class GrpcTextBackend:
    """TextBackend: each call goes to the server that holds its model."""

    def __init__(
        self,
        channels: Mapping[str, grpc.aio.Channel],
        router: Router[text_pb2.Model],
        api_key: str | None = None,
    ) -> None:
        self._stubs = {
            address: text_pb2_grpc.TextServiceStub(channel) for address, channel in channels.items()
        }
        self._router = router
        self._caller = Caller(SERVICE, api_key, on_lost=router.forget)

    async def list_models(self) -> Sequence[domain.TextModel]:
        """All models that can be reached."""
        return [convert.model_from_proto(model) for model in await self._router.models()]

    async def chat(self, request: domain.ChatRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Answer a conversation."""
        stub = await self._stub(request.model, domain.TextCapability.CHAT)
        events: AsyncGenerator[domain.GenerationEvent, None] = self._caller.stream(
            stub.Chat, convert.chat_to_proto(request), convert.event_from_proto
        )
        async for event in _complete(events):
            yield event

    async def generate(self, request: domain.GenerateRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Continue a prompt."""
        stub = await self._stub(request.model, domain.TextCapability.GENERATE)
        message = convert.generate_to_proto(request)
        events: AsyncGenerator[domain.GenerationEvent, None] = self._caller.stream(
            stub.Generate, message, convert.event_from_proto
        )
        async for event in _complete(events):
            yield event

    async def embed(self, request: domain.EmbedRequest) -> domain.EmbedResult:
        """One unit vector a text."""
        stub = await self._stub(request.model, domain.TextCapability.EMBED)
        message = text_pb2.EmbedRequest(
            model=request.model,
            inputs=request.inputs,
            dimensions=request.dimensions,
            truncate=request.truncate,
        )
        answer = await self._caller.unary(stub.Embed, message)
        vectors = tuple(tuple(item.values) for item in answer.embeddings)
        return domain.EmbedResult(
            vectors,
            answer.model,
            answer.model_stamp,
            answer.usage.prompt_token_count,
            convert.energy(answer.timings),
        )

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> domain.RerankResult:
        """Relevance of each document."""
        stub = await self._stub(model, domain.TextCapability.RERANK)
        message = text_pb2.RerankRequest(model=model, query=query, documents=documents)
        answer = await self._caller.unary(stub.Rerank, message)
        scores = {result.index: result.score for result in answer.results}
        return domain.RerankResult(
            tuple(scores[place] for place in range(len(documents))),
            answer.model,
            answer.usage.prompt_token_count,
            convert.energy(answer.timings),
        )

    async def token_ends(self, model: str, text: str) -> Sequence[int]:
        """The byte after each token."""
        stub = await self._stub(model, domain.TextCapability.TOKENIZE)
        message = text_pb2.TokenizeRequest(model=model, text=text, add_special_tokens=False)
        return [token.end_byte for token in (await self._caller.unary(stub.Tokenize, message)).tokens]

    async def _stub(
        self, model: str, capability: domain.TextCapability
    ) -> "text_pb2_grpc.TextServiceAsyncStub":
        return self._stubs[await self._router.route(model, capability)]


async def _complete(
    events: AsyncGenerator[domain.GenerationEvent, None],
) -> AsyncGenerator[domain.GenerationEvent, None]:
    """The events, or Unavailable when a stream ends without its last event."""
    finished = False
    try:
        async for event in events:
            finished = isinstance(event, domain.GenerationFinished)
            yield event
    finally:
        await events.aclose()
    if not finished:
        raise Unavailable(f"{SERVICE} ended its stream early", service=SERVICE)


def _describe(model: text_pb2.Model) -> ModelEntry:
    capabilities = convert.model_from_proto(model).capabilities
    return ModelEntry(model.id, frozenset(item.value for item in capabilities))
