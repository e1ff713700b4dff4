"""Serves other services' methods by passing calls on, message by message, as bytes.

Nothing is decoded but the model's name, where a request has one, to find the server that holds it. The deadline,
the request id, the tenant and the trace go along; a cancelled call is cancelled behind too; the backend's status
and its details come back as they are. One message is in flight at a time, so a slow reader slows the backend.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from serving.channel import outgoing_metadata, time_left
from serving.errors import DeadlineUnreachable, InvalidInput, TooLarge, Unavailable
from serving.status import DETAILS_KEY

from gateway.metrics import GatewayMetrics

# Picks the channel of a call, given the model that the request names ("" for none) and the method's name.
Route = Callable[[str, str], Awaitable[grpc.aio.Channel]]


@dataclass(frozen=True, slots=True)
class Proxied:
    """A service to pass on; methods in `native` are answered here instead, `lost` is told of a lost backend."""

    descriptor: ServiceDescriptor
    route: Route
    native: frozenset[str] = frozenset()
    lost: Callable[[], None] = lambda: None


def handlers(services: Iterable[Proxied], metrics: GatewayMetrics, api_key: str | None) -> list[Any]:
    """Generic handlers, one a service, to be added before the server starts."""
    return [
        grpc.method_handlers_generic_handler(
            service.descriptor.full_name,
            {
                method.name: _handler(Forwarder(service, method, metrics, api_key), method)
                for method in service.descriptor.methods
                if method.name not in service.native
            },
        )
        for service in services
    ]


def _handler(forwarder: "Forwarder", method: MethodDescriptor) -> Any:
    if method.client_streaming and method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(forwarder.stream_stream)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(forwarder.unary_stream)
    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(forwarder.stream_unary)
    return grpc.unary_unary_rpc_method_handler(forwarder.unary_unary)


class Forwarder:
    """Passes the calls of one method on."""

    def __init__(
        self, service: Proxied, method: MethodDescriptor, metrics: GatewayMetrics, api_key: str | None
    ) -> None:
        self._service = service.descriptor.full_name
        self._path = f"/{self._service}/{method.name}"
        self._name = method.name
        self._route = service.route
        self._lost = service.lost
        self._metrics = metrics
        self._api_key = api_key
        names_model = "model" in method.input_type.fields_by_name and not method.client_streaming
        self._request_type: Any = GetMessageClass(method.input_type) if names_model else None

    async def unary_unary(self, request: bytes, context: Any) -> bytes:
        """One message in, one out."""
        channel = await self._route(self._model(request), self._name)
        return await self._answer(channel.unary_unary(self._path, bytes, bytes), request)

    async def stream_unary(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        """Many in, one out."""
        channel = await self._route("", self._name)
        return await self._answer(channel.stream_unary(self._path, bytes, bytes), requests)

    async def unary_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        """One in, many out."""
        channel = await self._route(self._model(request), self._name)
        async for response in self._answers(channel.unary_stream(self._path, bytes, bytes), request):
            yield response

    async def stream_stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Many in, many out."""
        channel = await self._route("", self._name)
        async for response in self._answers(channel.stream_stream(self._path, bytes, bytes), requests):
            yield response

    async def _answer(self, method: Callable[..., Any], request: Any) -> bytes:
        call = method(request, timeout=time_left(), metadata=outgoing_metadata(self._api_key))
        try:
            response: bytes = await call
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error
        finally:
            call.cancel()  # does nothing to a call that is over
        self._count(grpc.StatusCode.OK)
        return response

    async def _answers(self, method: Callable[..., Any], request: Any) -> AsyncIterator[bytes]:
        call = method(request, timeout=time_left(), metadata=outgoing_metadata(self._api_key))
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error
        finally:
            call.cancel()
        self._count(grpc.StatusCode.OK)

    def _failed(self, error: grpc.aio.AioRpcError) -> Exception:
        """The backend's own error as it is; what gRPC says of a backend that said nothing, with our details."""
        code = error.code()
        self._count(code)
        received: Any = error.trailing_metadata() or ()
        if any(key == DETAILS_KEY for key, _ in received):
            return error
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            self._lost()
            return Unavailable(f"{self._service} cannot be reached", service=self._service)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineUnreachable(f"{self._service} took too long", service=self._service)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return TooLarge("message", error.details() or "is over the limit")
        return error

    def _count(self, code: grpc.StatusCode) -> None:
        self._metrics.proxied.labels(self._service, code.name).inc()

    def _model(self, request: bytes) -> str:
        if self._request_type is None:
            return ""
        try:
            return str(self._request_type.FromString(request).model)
        except Exception as error:  # protobuf's DecodeError has several homes
            raise InvalidInput("request", "is not a message of this method") from error
