"""What every call to a backend carries, and how its streams are read."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from serving.channel import outgoing_metadata, time_left

from gateway.adapters.errors import domain_errors

Response = TypeVar("Response")
Event = TypeVar("Event")


class Caller:
    """Makes calls to one service on behalf of the current one: its deadline, id, tenant and trace go along."""

    def __init__(
        self, service: str, api_key: str | None = None, on_lost: Callable[[], None] | None = None
    ) -> None:
        self.service = service
        self._api_key = api_key
        self._on_lost = on_lost

    async def unary(
        self, method: Callable[..., Awaitable[Response]], request: Any, timeout_s: float | None = None
    ) -> Response:
        """Answer of one unary call; raises domain errors. `timeout_s` shortens the caller's deadline."""
        limits = [limit for limit in (time_left(), timeout_s) if limit is not None]
        with domain_errors(self.service):
            try:
                return await method(
                    request, timeout=min(limits, default=None), metadata=outgoing_metadata(self._api_key)
                )
            except grpc.aio.AioRpcError as error:
                self._notice(error)
                raise

    async def stream(
        self, method: Callable[..., Any], request: Any, convert: Callable[[Any], Event | None]
    ) -> AsyncGenerator[Event, None]:
        """Events of one server stream; those that `convert` turns into None are left out."""
        call = method(request, timeout=time_left(), metadata=outgoing_metadata(self._api_key))
        try:
            with domain_errors(self.service):
                try:
                    async for message in call:
                        if (event := convert(message)) is not None:
                            yield event
                except grpc.aio.AioRpcError as error:
                    self._notice(error)
                    raise
        finally:
            call.cancel()

    def _notice(self, error: grpc.aio.AioRpcError) -> None:
        if self._on_lost is not None and error.code() == grpc.StatusCode.UNAVAILABLE:
            self._on_lost()
