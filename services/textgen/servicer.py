"""TextService and AdapterService: convert, await the engine, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from quadrille.text.v1 import adapters_pb2, adapters_pb2_grpc, text_pb2_grpc
from quadrille.text.v1 import text_pb2 as pb

from textgen import convert, domain, spans
from textgen.engine import Engine

SERVICE: str = pb.DESCRIPTOR.services_by_name["TextService"].full_name
ADAPTER_SERVICE: str = adapters_pb2.DESCRIPTOR.services_by_name["AdapterService"].full_name


class TextServicer(text_pb2_grpc.TextServiceServicer):
    """The rpcs over an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateResponse]:  # noqa: N802
        """Continue a prompt."""
        asked = convert.generate_request(request)
        answer = spans.generation("text_completion", asked, self._engine.generate(asked))
        async with aclosing(answer) as events:
            number = 0
            async for event in events:
                yield pb.GenerateResponse(**convert.event(event, number))
                number += isinstance(event, domain.Delta)

    async def Chat(self, request: pb.ChatRequest, context: Any) -> AsyncIterator[pb.ChatResponse]:  # noqa: N802
        """Answer a conversation."""
        asked = convert.chat_request(request)
        async with aclosing(spans.generation("chat", asked, self._engine.chat(asked))) as events:
            number = 0
            async for event in events:
                yield pb.ChatResponse(**convert.event(event, number))
                number += isinstance(event, domain.Delta)

    async def Score(self, request: pb.ScoreRequest, context: Any) -> pb.ScoreResponse:  # noqa: N802
        """Likelihoods of continuations."""
        prompt = convert.prompt(request.prompt) if request.HasField("prompt") else None
        asked = domain.ScoreRequest(request.model, prompt, tuple(request.continuations))
        scores, facts = await self._engine.score(asked)
        found = [convert.score(item, details=request.token_details) for item in scores]
        return pb.ScoreResponse(scores=found, **convert.answered(facts))

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:  # noqa: N802
        """Vectors of texts."""
        asked = domain.EmbedRequest(
            model=request.model,
            inputs=tuple(request.inputs),
            normalize=request.normalize if request.HasField("normalize") else True,
            dimensions=request.dimensions if request.HasField("dimensions") else None,
            truncate=request.truncate,
        )
        vectors, counts, stamp, facts = await self._engine.embed(asked)
        spans.embeddings(asked, facts.model, len(vectors[0]), facts.usage)
        embeddings = [
            pb.Embedding(values=vector.tolist(), token_count=count)
            for vector, count in zip(vectors, counts, strict=True)
        ]
        return pb.EmbedResponse(embeddings=embeddings, model_stamp=stamp, **convert.answered(facts))

    async def Rerank(self, request: pb.RerankRequest, context: Any) -> pb.RerankResponse:  # noqa: N802
        """Documents by relevance."""
        top_n = request.top_n if request.HasField("top_n") else None
        asked = domain.RerankRequest(request.model, request.query, tuple(request.documents), top_n)
        order, facts = await self._engine.rerank(asked)
        results = [pb.RerankResult(index=index, score=score) for index, score in order]
        return pb.RerankResponse(results=results, **convert.answered(facts))

    async def FillMask(self, request: pb.FillMaskRequest, context: Any) -> pb.FillMaskResponse:  # noqa: N802
        """Candidates of masks."""
        top_k = request.top_k if request.HasField("top_k") else 5
        masks, facts = await self._engine.fill_mask(
            domain.FillMaskRequest(request.model, request.text, top_k)
        )
        found = [
            pb.MaskPrediction(
                candidates=[
                    pb.MaskCandidate(token_id=item.token_id, token=item.token, probability=item.probability)
                    for item in best
                ]
            )
            for best in masks
        ]
        return pb.FillMaskResponse(masks=found, **convert.answered(facts))

    async def Tokenize(self, request: pb.TokenizeRequest, context: Any) -> pb.TokenizeResponse:  # noqa: N802
        """Tokens of a text."""
        special = request.add_special_tokens if request.HasField("add_special_tokens") else True
        spans, model = await self._engine.tokenize(request.model, request.text, special=special)
        return pb.TokenizeResponse(tokens=convert.tokens(spans), model=model)

    async def Detokenize(self, request: pb.DetokenizeRequest, context: Any) -> pb.DetokenizeResponse:  # noqa: N802
        """Text of tokens."""
        skip = request.skip_special_tokens if request.HasField("skip_special_tokens") else True
        text, model = self._engine.detokenize(request.model, tuple(request.token_ids), skip_special=skip)
        return pb.DetokenizeResponse(text=text, model=model)

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:  # noqa: N802
        """All models."""
        return pb.ListModelsResponse(models=[convert.model(item.facts) for item in self._engine.models.all()])

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:  # noqa: N802
        """One model."""
        return pb.GetModelResponse(model=convert.model(self._engine.models.get(request.model).facts))


class AdapterServicer(adapters_pb2_grpc.AdapterServiceServicer):
    """LoRA adapters of an engine's models."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def LoadLora(  # noqa: N802
        self, request: adapters_pb2.LoadLoraRequest, context: Any
    ) -> adapters_pb2.LoadLoraResponse:
        """Load one."""
        model, adapter = await self._engine.load_lora(request.model, request.name)
        return convert.lora(model, adapter)

    async def UnloadLora(  # noqa: N802
        self, request: adapters_pb2.UnloadLoraRequest, context: Any
    ) -> adapters_pb2.UnloadLoraResponse:
        """Forget one."""
        return adapters_pb2.UnloadLoraResponse(model=self._engine.unload_lora(request.model, request.name))
