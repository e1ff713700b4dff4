"""What every call to a backend carries, and how its streams are read."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from serving.channel import outgoing_metadata, time_left
from serving.errors import Unavailable

from gateway.adapters.errors import domain_errors
from gateway.balancing.balancer import Balancer, Lease
from gateway.convert.work import work_of

Response = TypeVar("Response")
Event = TypeVar("Event")


class Caller:
    """Makes calls to one service on behalf of the current one: its deadline, id, tenant and trace go along."""

    def __init__(self, service: str, api_key: str | None = None) -> None:
        self.service = service
        self._api_key = api_key

    async def unary(
        self, method: Callable[..., Awaitable[Response]], request: Any, timeout_s: float | None = None
    ) -> Response:
        """Answer of one unary call; raises domain errors. `timeout_s` shortens the caller's deadline."""
        limits = [limit for limit in (time_left(), timeout_s) if limit is not None]
        with domain_errors(self.service):
            return await method(
                request, timeout=min(limits, default=None), metadata=outgoing_metadata(self._api_key)
            )


class BalancedCaller:
    """Makes calls to one of several servers of a service: as Caller, but each goes where the balancer sends it."""

    def __init__(
        self,
        service: str,
        stub: Callable[[grpc.aio.Channel], Any],
        balancer: Balancer,
        api_key: str | None = None,
    ) -> None:
        self.service = service
        self._stub = stub
        self._balancer = balancer
        self._api_key = api_key

    async def unary(self, method: str, request: Message, capability: str) -> Any:
        """Answer of one unary call; raises domain errors."""

        async def send(lease: Lease) -> Any:
            return await self._begin(method, request, lease)

        with domain_errors(self.service):
            return await self._balancer.unary(work_of(request, capability), send)

    async def stream(
        self,
        method: str,
        make: Callable[[], Message],
        capability: str,
        convert: Callable[[Any], Event | None],
        last: type[Event],
    ) -> AsyncGenerator[Event, None]:
        """Events of one server stream; those that `convert` turns into None are left out.

        `make` makes the request, and is called when the first event is asked for.
        Raises Unavailable when it ends without an event of the type `last`, and other domain errors.
        """
        finished, request = False, make()
        messages = self._balancer.stream(
            work_of(request, capability), lambda lease: self._begin(method, request, lease)
        )
        with domain_errors(self.service):
            async with aclosing(messages):
                async for message in messages:
                    if (event := convert(message)) is not None:
                        finished = isinstance(event, last)
                        yield event
        if not finished:
            raise Unavailable(f"{self.service} ended its stream early", service=self.service)

    def _begin(self, method: str, request: Any, lease: Lease) -> Any:
        request.model = lease.model
        call = getattr(lease.replica.stub(self._stub), method)
        return call(request, timeout=time_left(), metadata=outgoing_metadata(self._api_key))
