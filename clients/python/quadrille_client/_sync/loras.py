"""Calls of the adapter service."""

from typing import Any

from quadrille.text.v1 import adapters_pb2, adapters_pb2_grpc
from quadrille_client._sync.transport import Transport
from quadrille_client.convert import text as convert
from quadrille_client.types import text as types


class Loras:
    """LoRA adapters of a model: `client.loras`. An API key needs the scope "admin"."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub: Any = adapters_pb2_grpc.AdapterServiceStub(transport.channel)

    def load(self, name: str, *, model: str = "") -> types.Lora:
        """Load an adapter from the server's folder of that name."""
        request = adapters_pb2.LoadLoraRequest(model=model, name=name)
        return convert.lora(self._transport.unary(self._stub.LoadLora, request))

    def unload(self, name: str, *, model: str = "") -> None:
        """Forget an adapter; requests that were accepted with it end with it."""
        request = adapters_pb2.UnloadLoraRequest(model=model, name=name)
        self._transport.unary(self._stub.UnloadLora, request)
