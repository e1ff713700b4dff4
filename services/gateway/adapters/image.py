"""The image port over one or several imagegen servers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc
from quadrille.image.v1 import image_pb2, image_pb2_grpc
from serving.errors import Unavailable

from gateway.adapters.calls import Caller
from gateway.convert import image as convert
from gateway.domain import image as domain
from gateway.routing import ModelEntry, Router

SERVICE: str = image_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name
_LIST_TIMEOUT_S = 5.0


def image_router(
    channels: Mapping[str, grpc.aio.Channel], api_key: str | None = None
) -> Router[image_pb2.Model]:
    """A router over imagegen servers, by address."""
    stubs = {address: image_pb2_grpc.ImageServiceStub(channel) for address, channel in channels.items()}
    caller = Caller(SERVICE, api_key)

    async def fetch(address: str) -> Sequence[image_pb2.Model]:
        request = image_pb2.ListModelsRequest()
        return (await caller.unary(stubs[address].ListModels, request, _LIST_TIMEOUT_S)).models

    return Router(tuple(channels), fetch, _describe, option="QUADRILLE_IMAGEGEN_MODELS")


class GrpcImageBackend:
    """ImageBackend: each call goes to the server that holds its model."""

    def __init__(
        self,
        channels: Mapping[str, grpc.aio.Channel],
        router: Router[image_pb2.Model],
        api_key: str | None = None,
    ) -> None:
        self._stubs = {
            address: image_pb2_grpc.ImageServiceStub(channel) for address, channel in channels.items()
        }
        self._router = router
        self._caller = Caller(SERVICE, api_key, on_lost=router.forget)

    async def list_models(self) -> Sequence[domain.ImageModel]:
        """All models that can be reached."""
        return [convert.model_from_proto(model) for model in await self._router.models()]

    async def generate(self, request: domain.ImageRequest) -> AsyncGenerator[domain.ImageEvent, None]:
        """Make images."""
        stub = self._stubs[await self._router.route(request.model, "generate")]
        async with aclosing(self._events(stub.Generate, convert.generate_to_proto(request))) as events:
            async for event in events:
                yield event

    async def edit(self, request: domain.ImageEdit) -> AsyncGenerator[domain.ImageEvent, None]:
        """Make images that start from one."""
        capability = "edit" if request.mask is None else "inpaint"
        stub = self._stubs[await self._router.route(request.asked.model, capability)]
        async with aclosing(self._events(stub.Edit, convert.edit_to_proto(request))) as events:
            async for event in events:
                yield event

    async def _events(
        self, method: Callable[..., Any], message: Any
    ) -> AsyncGenerator[domain.ImageEvent, None]:
        events: AsyncGenerator[domain.ImageEvent, None] = self._caller.stream(
            method, message, convert.event_from_proto
        )
        finished = False
        try:
            async for event in events:
                finished = isinstance(event, domain.ImageFinished)
                yield event
        finally:
            await events.aclose()
        if not finished:
            raise Unavailable(f"{SERVICE} ended its stream early", service=SERVICE)


def _describe(model: image_pb2.Model) -> ModelEntry:
    names = (image_pb2.Capability.Name(item) for item in model.capabilities if item in _KNOWN)
    return ModelEntry(model.id, frozenset(name.removeprefix("CAPABILITY_").lower() for name in names))


_KNOWN = frozenset(image_pb2.Capability.values())
