"""Serves other services' methods by passing calls on, message by message, as bytes.

A request is decoded only where it names a model, to find a server that holds it, and never an answer. The deadline,
the request id, the tenant and the trace go along; a cancelled call is cancelled behind too; the backend's status
and its details come back as they are. One message is in flight at a time, so a slow reader slows the backend.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from serving.channel import outgoing_metadata, time_left
from serving.errors import DeadlineUnreachable, InvalidInput, TooLarge, Unavailable
from serving.status import DETAILS_KEY

from gateway.admission.forwarding import admitted
from gateway.admission.gate import Gate
from gateway.balancing.balancer import Balancer, Lease
from gateway.balancing.work import Work
from gateway.convert.work import work_of
from gateway.metrics import GatewayMetrics
from gateway.routes import capability_of

# A method of a channel, given the channel.
Method = Callable[[grpc.aio.Channel], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Proxied:
    """A service to pass on: methods in `native` are answered here instead, those in `everywhere` by all its servers."""

    descriptor: ServiceDescriptor
    balancer: Balancer
    native: frozenset[str] = frozenset()
    everywhere: frozenset[str] = frozenset()


def handlers(
    services: Iterable[Proxied], metrics: GatewayMetrics, api_key: str | None, gate: Gate
) -> list[Any]:
    """Generic handlers, one a service, to be added before the server starts; what uses a model waits at the gate."""
    return [
        grpc.method_handlers_generic_handler(
            service.descriptor.full_name,
            {
                method.name: _handler(
                    admitted(Forwarder(service, method, metrics, api_key), method, gate), method
                )
                for method in service.descriptor.methods
                if method.name not in service.native
            },
        )
        for service in services
    ]


def _handler(forwarder: Any, method: MethodDescriptor) -> Any:
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
        self._capability = capability_of(method.name)
        self._balancer = service.balancer
        self._unary = self._balancer.everywhere if method.name in service.everywhere else self._balancer.unary
        self._metrics = metrics
        self._api_key = api_key
        names_model = "model" in method.input_type.fields_by_name and not method.client_streaming
        self._request_type: Any = GetMessageClass(method.input_type) if names_model else None

    async def unary_unary(self, request: bytes, context: Any) -> bytes:
        """One message in, one out."""
        work = self._work(request)
        return await self._answer(
            work, lambda channel: channel.unary_unary(self._path, bytes, bytes), request
        )

    async def stream_unary(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        """Many in, one out."""
        work = Work(capability=self._capability, repeatable=False)
        return await self._answer(
            work, lambda channel: channel.stream_unary(self._path, bytes, bytes), requests
        )

    def unary_stream(self, request: bytes, context: Any) -> AsyncGenerator[bytes, None]:
        """One in, many out."""
        work = self._work(request)
        return self._answers(work, lambda channel: channel.unary_stream(self._path, bytes, bytes), request)

    def stream_stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncGenerator[bytes, None]:
        """Many in, many out."""
        work = Work(capability=self._capability, repeatable=False)
        return self._answers(work, lambda channel: channel.stream_stream(self._path, bytes, bytes), requests)

    async def _answer(self, work: Work, method: Method, request: Any) -> bytes:
        async def send(lease: Lease) -> bytes:
            call = self._begin(work, method, request, lease)
            try:
                response: bytes = await call
                return response
            finally:
                call.cancel()  # does nothing to a call that is over

        try:
            response = await self._unary(work, send)
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error
        self._count(grpc.StatusCode.OK)
        return response

    async def _answers(self, work: Work, method: Method, request: Any) -> AsyncGenerator[bytes, None]:
        responses = self._balancer.stream(work, lambda lease: self._begin(work, method, request, lease))
        try:
            async with aclosing(responses):
                async for response in responses:
                    yield response
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error
        self._count(grpc.StatusCode.OK)

    def _begin(self, work: Work, method: Method, request: Any, lease: Lease) -> Any:
        if lease.model != work.model:  # another stands in for the model that was asked for
            message = self._request_type.FromString(request)
            message.model = lease.model
            request = message.SerializeToString()
        send = method(lease.replica.channel)
        return send(request, timeout=time_left(), metadata=outgoing_metadata(self._api_key))

    def _failed(self, error: grpc.aio.AioRpcError) -> Exception:
        """The backend's own error as it is; what gRPC says of a backend that said nothing, with our details."""
        code = error.code()
        self._count(code)
        received: Any = error.trailing_metadata() or ()
        if any(key == DETAILS_KEY for key, _ in received):
            return error
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return Unavailable(f"{self._service} cannot be reached", service=self._service)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineUnreachable(f"{self._service} took too long", service=self._service)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return TooLarge("message", error.details() or "is over the limit")
        return error

    def _count(self, code: grpc.StatusCode) -> None:
        self._metrics.proxied.labels(self._service, code.name).inc()

    def _work(self, request: bytes) -> Work:
        if self._request_type is None:
            return Work(capability=self._capability)
        try:
            message = self._request_type.FromString(request)
        except Exception as error:  # protobuf's DecodeError has several homes
            raise InvalidInput("request", "is not a message of this method") from error
        return work_of(message, self._capability)
