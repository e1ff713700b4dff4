"""The text port over one or several textgen servers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from google.protobuf.message import Message
from quadrille.text.v1 import text_pb2, text_pb2_grpc

from gateway.adapters.calls import BalancedCaller, Caller
from gateway.adapters.models import model_router
from gateway.balancing.balancer import Balancer
from gateway.balancing.pool import Pool
from gateway.convert import text as convert
from gateway.domain import text as domain
from gateway.routing import ModelEntry, Router

SERVICE: str = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name


def text_router(
    pool: Pool, api_key: str | None = None, fallbacks: Mapping[str, Sequence[str]] | None = None
) -> Router[text_pb2.Model]:
    """A router over textgen servers."""
    return model_router(
        pool,
        Caller(SERVICE, api_key),
        text_pb2_grpc.TextServiceStub,
        text_pb2.ListModelsRequest(),
        _describe,
        option="QUADRILLE_TEXTGEN_MODELS",
        fallbacks=fallbacks,
    )


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

    def chat(self, request: domain.ChatRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Answer a conversation."""
        return self._events("Chat", lambda: convert.chat_to_proto(request), domain.TextCapability.CHAT)

    def generate(self, request: domain.GenerateRequest) -> AsyncGenerator[domain.GenerationEvent, None]:
        """Continue a prompt."""
        capability = domain.TextCapability.GENERATE
        return self._events("Generate", lambda: convert.generate_to_proto(request), capability)

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

    def _events(
        self, method: str, make: Callable[[], Message], capability: str
    ) -> AsyncGenerator[domain.GenerationEvent, None]:
        return self._caller.stream(
            method, make, capability, convert.event_from_proto, domain.GenerationFinished
        )


def _describe(model: text_pb2.Model) -> ModelEntry:
    capabilities = convert.model_from_proto(model).capabilities
    return ModelEntry(model.id, frozenset(item.value for item in capabilities))
