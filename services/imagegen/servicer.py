# ruff: noqa: N802  (gRPC names the methods)
"""ImageService and AdapterService: convert, ask the engine, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from quadrille.image.v1 import adapters_pb2, adapters_pb2_grpc, image_pb2_grpc
from quadrille.image.v1 import image_pb2 as pb
from serving.call import current_call

from imagegen import convert
from imagegen.engine import Engine, Envelope
from imagegen.loras import ModelLoras

SERVICE: str = pb.DESCRIPTOR.services_by_name["ImageService"].full_name
ADAPTER_SERVICE: str = adapters_pb2.DESCRIPTOR.services_by_name["AdapterService"].full_name


class ImageServicer(image_pb2_grpc.ImageServiceServicer):
    """Answers rpcs with an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateResponse]:
        """Images from a prompt."""
        async with aclosing(
            await self._engine.generate(convert.generate_request(request), _envelope())
        ) as events:
            async for event in events:
                yield convert.stream_response(event, pb.GenerateResponse)

    async def Edit(self, request: pb.EditRequest, context: Any) -> AsyncIterator[pb.EditResponse]:
        """Images from a prompt and an image."""
        async with aclosing(await self._engine.edit(convert.edit_request(request), _envelope())) as events:
            async for event in events:
                yield convert.stream_response(event, pb.EditResponse)

    async def Interpolate(
        self, request: pb.InterpolateRequest, context: Any
    ) -> AsyncIterator[pb.InterpolateResponse]:
        """Frames between two points."""
        async with aclosing(
            await self._engine.interpolate(convert.interpolate_request(request), _envelope())
        ) as events:
            async for event in events:
                yield convert.stream_response(event, pb.InterpolateResponse)

    async def Encode(self, request: pb.EncodeRequest, context: Any) -> pb.EncodeResponse:
        """Latents of images."""
        return convert.encode_response(
            await self._engine.encode(convert.encode_request(request), _envelope())
        )

    async def Decode(self, request: pb.DecodeRequest, context: Any) -> pb.DecodeResponse:
        """Images of latents."""
        return convert.decode_response(
            await self._engine.decode(convert.decode_request(request), _envelope())
        )

    async def Score(self, request: pb.ScoreRequest, context: Any) -> pb.ScoreResponse:
        """Bounds on the likelihood of images."""
        return convert.score_response(await self._engine.score(convert.score_request(request), _envelope()))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """The loaded models."""
        return convert.list_models_response(self._engine.list_models())


class AdapterServicer(adapters_pb2_grpc.AdapterServiceServicer):
    """LoRA adapters of an engine's models."""

    def __init__(self, loras: ModelLoras) -> None:
        self._loras = loras

    async def LoadLora(
        self, request: adapters_pb2.LoadLoraRequest, context: Any
    ) -> adapters_pb2.LoadLoraResponse:
        """Load one."""
        return convert.lora(*await self._loras.load(request.model, request.name))

    async def UnloadLora(
        self, request: adapters_pb2.UnloadLoraRequest, context: Any
    ) -> adapters_pb2.UnloadLoraResponse:
        """Forget one."""
        return adapters_pb2.UnloadLoraResponse(model=self._loras.unload(request.model, request.name))

    async def ListLoras(
        self, request: adapters_pb2.ListLorasRequest, context: Any
    ) -> adapters_pb2.ListLorasResponse:
        """All of a model."""
        return convert.loras(*self._loras.list(request.model))


def _envelope() -> Envelope:
    call = current_call()
    return Envelope(call.request_id, call.deadline)
