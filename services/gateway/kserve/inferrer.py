"""Has a text model answer a request of the protocol."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import chain
from typing import Any

from serving.errors import InvalidInput, NotFound, Unavailable

from gateway.backends import TextBackend
from gateway.domain.inference import InferRequest, InferResult, Signature, Tensor
from gateway.domain.text import (
    EmbedRequest,
    GenerateRequest,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    TextCapability,
    TextModel,
)
from gateway.kserve.signatures import check, parameters_of, sampling_of, signature_of, task_of

_GATHERED_MS = 1000  # of deltas that nobody sees before the whole


class Inferrer:
    """Embeds, reranks and generates, whichever the model does."""

    def __init__(self, text: TextBackend) -> None:
        self._text = text

    async def is_ready(self, model: str) -> bool:
        """Whether a model is served; its servers were asked some seconds ago at most."""
        try:
            return any(item.id == model for item in await self._text.list_models())
        except Unavailable:
            return False

    async def signature(self, model: str) -> Signature:
        """What a model takes and gives; raises NotFound when there is none."""
        return signature_of(await self._model(model))

    async def infer(self, request: InferRequest) -> InferResult:
        """The whole answer."""
        model = await self._model(request.model)
        check(request, signature_of(model))
        parameters: dict[str, Any] = parameters_of(request, task_of(model))
        match task_of(model):
            case TextCapability.EMBED:
                return await self._embed(request, parameters)
            case TextCapability.RERANK:
                return await self._rerank(request)
            case _:
                async with aclosing(self._generate(request, parameters, "", _GATHERED_MS)) as pieces:
                    return _joined([piece async for piece in pieces])

    async def stream(self, request: InferRequest, request_id: str) -> AsyncGenerator[InferResult, None]:
        """The answer in pieces, at least one; `request_id` is the one by which the text service knows it."""
        model = await self._model(request.model)
        check(request, signature_of(model))
        if task_of(model) is not TextCapability.GENERATE:
            yield await self.infer(request)
            return
        parameters = parameters_of(request, TextCapability.GENERATE)
        async with aclosing(self._generate(request, parameters, request_id, None)) as pieces:
            async for piece in pieces:
                yield piece

    async def _model(self, name: str) -> TextModel:
        if not name:
            raise InvalidInput("model_name", "must be set")
        for model in await self._text.list_models():
            if model.id == name:
                return model
        raise NotFound("model", name)

    async def _embed(self, request: InferRequest, parameters: dict[str, Any]) -> InferResult:
        result = await self._text.embed(
            EmbedRequest(request.model, request.inputs["text_input"], **parameters)
        )
        size = len(result.vectors[0]) if result.vectors else 0
        tensor = Tensor(
            "embedding", (len(result.vectors), size), numbers=tuple(chain.from_iterable(result.vectors))
        )
        return InferResult(result.model, (tensor,), {"prompt_token_count": result.prompt_token_count})

    async def _rerank(self, request: InferRequest) -> InferResult:
        (query,), documents = request.inputs["query"], request.inputs["documents"]
        result = await self._text.rerank(request.model, query, documents)
        tensor = Tensor("score", (len(result.scores),), numbers=result.scores)
        return InferResult(result.model, (tensor,), {"prompt_token_count": result.prompt_token_count})

    async def _generate(
        self, request: InferRequest, parameters: dict[str, Any], request_id: str, interval_ms: int | None
    ) -> AsyncGenerator[InferResult, None]:
        """A piece for each delta, and a last one, empty, that says how it ended."""
        (prompt,) = request.inputs["text_input"]
        asked = GenerateRequest(
            request.model, prompt, sampling_of(parameters), request_id, delta_interval_ms=interval_ms
        )
        model = request.model
        async with aclosing(self._text.generate(asked)) as events:
            async for event in events:
                match event:
                    case GenerationStarted():
                        model = event.model
                    case GenerationDelta() if event.text:
                        yield InferResult(model, (_said(event.text),), final=False)
                    case GenerationFinished():
                        yield InferResult(
                            model,
                            (_said(""),),
                            {
                                "finish_reason": event.sequences[0].finish_reason.value,
                                "prompt_token_count": event.usage.prompt_token_count,
                                "completion_token_count": event.usage.completion_token_count,
                            },
                        )


def _said(text: str) -> Tensor:
    return Tensor("text_output", (1,), texts=(text,))


def _joined(pieces: list[InferResult]) -> InferResult:
    text = "".join(piece.outputs[0].texts[0] for piece in pieces)
    return InferResult(pieces[-1].model, (_said(text),), pieces[-1].parameters)
