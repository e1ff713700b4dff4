# ruff: noqa: N802  (gRPC names the methods)
"""quadrille.image.v1.ImageService: convert, ask the engine, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from quadrille.image.v1 import image_pb2 as pb
from quadrille.image.v1 import image_pb2_grpc
from serving.call import current_call

from imagegen import convert
from imagegen.engine import Engine, Envelope

SERVICE: str = pb.DESCRIPTOR.services_by_name["ImageService"].full_name


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


def _envelope() -> Envelope:
    call = current_call()
    return Envelope(call.request_id, call.deadline)
