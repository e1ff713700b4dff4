"""The text port over one or several textgen servers."""

from collections.abc import AsyncGenerator, Mapping, Sequence

from quadrille.text.v1 import text_pb2, text_pb2_grpc
from serving.errors import Unavailable

from gateway.adapters.calls import BalancedCaller, Caller
from gateway.balancing.balancer import Balancer
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.convert import text as convert
from gateway.domain import text as domain
from gateway.routing import ModelEntry, Router

SERVICE: str = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name
_LIST_TIMEOUT_S = 5.0


def text_router(
    pool: Pool, api_key: str | None = None, fallbacks: Mapping[str, Sequence[str]] | None = None
) -> Router[text_pb2.Model]:
    """A router over textgen servers."""
    caller = Caller(SERVICE, api_key)

    async def fetch(replica: Replica) -> Sequence[text_pb2.Model]:
        method = replica.stub(text_pb2_grpc.TextServiceStub).ListModels
        return (await caller.unary(method, text_pb2.ListModelsRequest(), _LIST_TIMEOUT_S)).models

    return Router(pool, fetch, _describe, _rename, option="QUADRILLE_TEXTGEN_MODELS", fallbacks=fallbacks)


class GrpcTextBackend:
    """TextBackend: each call goes to a server that holds its model."""

    def __init__(
        self, router: Router[text_pb2.Model], balancer: Balancer, api_key: str | None = None
    ) -> None:
        self._router = router
        self._caller = BalancedCaller(SERVICE, text_pb2_grpc.TextServiceStub, balancer, api_key)

    async def list_models(self) -> Sequence[domain.TextModel]:
        """All models that can be reached."""
        return [convert.model_from_proto(model) for model in await self._router.models()]

    async def chat(self, request: domain.ChatRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Answer a conversation."""
        events: AsyncGenerator[domain.GenerationEvent, None] = self._caller.stream(
            "Chat", convert.chat_to_proto(request), domain.TextCapability.CHAT, convert.event_from_proto
        )
        async for event in _complete(events):
            yield event

    async def generate(self, request: domain.GenerateRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Continue a prompt."""
        message = convert.generate_to_proto(request)
        events: AsyncGenerator[domain.GenerationEvent, None] = self._caller.stream(
            "Generate", message, domain.TextCapability.GENERATE, convert.event_from_proto
        )
        async for event in _complete(events):
            yield event

    async def embed(self, request: domain.EmbedRequest) -> domain.EmbedResult:
        """One unit vector a text."""
        message = text_pb2.EmbedRequest(
            model=request.model,
            inputs=request.inputs,
            dimensions=request.dimensions,
            truncate=request.truncate,
        )
        answer = await self._caller.unary("Embed", message, domain.TextCapability.EMBED)
        vectors = tuple(tuple(item.values) for item in answer.embeddings)
        return domain.EmbedResult(
            vectors,
            answer.model,
            answer.model_stamp,
            answer.usage.prompt_token_count,
            convert.energy(answer.timings),
            tuple(item.token_count for item in answer.embeddings),
        )

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> domain.RerankResult:
        """Relevance of each document."""
        message = text_pb2.RerankRequest(model=model, query=query, documents=documents)
        answer = await self._caller.unary("Rerank", message, domain.TextCapability.RERANK)
        scores = {result.index: result.score for result in answer.results}
        return domain.RerankResult(
            tuple(scores[place] for place in range(len(documents))),
            answer.model,
            answer.usage.prompt_token_count,
            convert.energy(answer.timings),
        )

    async def token_ends(self, model: str, text: str) -> Sequence[int]:
        """The byte after each token."""
        message = text_pb2.TokenizeRequest(model=model, text=text, add_special_tokens=False)
        answer = await self._caller.unary("Tokenize", message, domain.TextCapability.TOKENIZE)
        return [token.end_byte for token in answer.tokens]


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


def _rename(model: text_pb2.Model, name: str) -> text_pb2.Model:
    renamed = text_pb2.Model()
    renamed.CopyFrom(model)
    renamed.id = name
    return renamed
