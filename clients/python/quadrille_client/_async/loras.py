"""Calls of the adapter services."""

from typing import Any

from quadrille.image.v1 import adapters_pb2 as image_pb2
from quadrille.image.v1 import adapters_pb2_grpc as image_pb2_grpc
from quadrille.text.v1 import adapters_pb2, adapters_pb2_grpc

from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import text as convert
from quadrille_client.types import text as types


class AsyncLoras:
    """LoRA adapters of a model: `client.loras`. An API key needs the scope "admin"."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._stub: Any = adapters_pb2_grpc.AdapterServiceStub(transport.channel)

    async def load(self, name: str, *, model: str = "") -> types.Lora:
        """Load an adapter from the server's folder of that name."""
        request = adapters_pb2.LoadLoraRequest(model=model, name=name)
        return convert.lora(await self._transport.unary(self._stub.LoadLora, request))

    async def unload(self, name: str, *, model: str = "") -> None:
        """Forget an adapter; requests that were accepted with it end with it."""
        request = adapters_pb2.UnloadLoraRequest(model=model, name=name)
        await self._transport.unary(self._stub.UnloadLora, request)


class AsyncImageLoras:
    """LoRA adapters of an image model: `client.images.loras`. An API key needs the scope "admin"."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._stub: Any = image_pb2_grpc.AdapterServiceStub(transport.channel)

    async def load(self, name: str, *, model: str = "") -> types.Lora:
        """Load an adapter from the server's folder of that name."""
        request = image_pb2.LoadLoraRequest(model=model, name=name)
        return convert.lora(await self._transport.unary(self._stub.LoadLora, request))

    async def unload(self, name: str, *, model: str = "") -> None:
        """Forget an adapter; requests that were accepted with it end with it."""
        request = image_pb2.UnloadLoraRequest(model=model, name=name)
        await self._transport.unary(self._stub.UnloadLora, request)

    async def list(self, *, model: str = "") -> tuple[types.Lora, ...]:
        """The model's adapters, in the order of loading."""
        request = image_pb2.ListLorasRequest(model=model)
        response = await self._transport.unary(self._stub.ListLoras, request)
        return tuple(
            types.Lora(response.model, each.name, each.rank, each.size_bytes, each.sha256)
            for each in response.loras
        )
