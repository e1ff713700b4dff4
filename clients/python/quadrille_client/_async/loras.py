"""Calls of the adapter services."""

from typing import Any

from quadrille.image.v1 import adapters_pb2 as image_pb2
from quadrille.image.v1 import adapters_pb2_grpc as image_pb2_grpc
from quadrille.text.v1 import adapters_pb2 as text_pb2
from quadrille.text.v1 import adapters_pb2_grpc as text_pb2_grpc

from quadrille_client._async.transport import AsyncTransport
from quadrille_client.convert import text as convert
from quadrille_client.types import text as types


class AsyncLoras:
    """LoRA adapters of a model: `client.loras`. An API key needs the scope "admin"."""

    _messages: Any = text_pb2
    _services: Any = text_pb2_grpc

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._stub: Any = self._services.AdapterServiceStub(transport.channel)

    async def load(self, name: str, *, model: str = "") -> types.Lora:
        """Load an adapter from the server's folder of that name."""
        request = self._messages.LoadLoraRequest(model=model, name=name)
        return convert.lora(await self._transport.unary(self._stub.LoadLora, request))

    async def unload(self, name: str, *, model: str = "") -> None:
        """Forget an adapter; requests that were accepted with it end with it."""
        request = self._messages.UnloadLoraRequest(model=model, name=name)
        await self._transport.unary(self._stub.UnloadLora, request)


class AsyncImageLoras(AsyncLoras):
    """LoRA adapters of an image model: `client.images.loras`. An API key needs the scope "admin"."""

    _messages = image_pb2
    _services = image_pb2_grpc

    async def list(self, *, model: str = "") -> tuple[types.Lora, ...]:
        """The model's adapters, in the order of loading."""
        request = image_pb2.ListLorasRequest(model=model)
        response = await self._transport.unary(self._stub.ListLoras, request)
        return tuple(
            types.Lora(response.model, each.name, each.rank, each.size_bytes, each.sha256)
            for each in response.loras
        )
