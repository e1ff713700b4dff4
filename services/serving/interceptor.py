"""One interceptor for all four kinds of rpc: it runs a call inside others that surround it.

A concern (errors, metrics, auth …) is a coroutine around the call, so each is written once and covers unary
calls and streams alike. Streams are run as coroutines that write, never as generators:
a cancelled call then unwinds inside its own task, at once.
"""

import asyncio
import contextlib
import functools
import inspect
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc

from serving.call import REQUEST_ID_KEY
from serving.errors import ReaderStalled
from serving.stall import StallTimer

# Probes and tools must work without a key, while draining and under load.
EXEMPT = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.",
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call before anything is known of its caller. `deadline` is in seconds of `time.monotonic()`."""

    method: str
    metadata: dict[str, str]
    request_id: str
    deadline: float | None
    context: Any  # grpc.aio.ServicerContext


_bits = random.Random()
_VARIANT = "89ab" * 4  # the digit of a UUID that tells its kind, RFC 9562
Handler = Any  # a grpc.RpcMethodHandler of any message types
T = TypeVar("T")
Proceed = Callable[[], Awaitable[T]]


class Concern(Protocol):
    """Surrounds every call."""

    def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> Awaitable[T]:
        """Run `proceed`, the rest of the call, and return what it returns; or raise."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Runs every call inside the given concerns, the first outermost.

    gRPC takes messages for a reader until so many bytes are under way; then a write waits. One that waits for `stall_s`
    seconds ends its call with ReaderStalled.
    """

    def __init__(self, concerns: Sequence[Concern], stall_s: float | None = None) -> None:
        self._concerns = tuple(concerns)
        self._stall_s = stall_s
        self._wrapped: dict[str, Handler] = {}  # as many as there are methods

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handler; unknown methods have none and fail with UNIMPLEMENTED."""
        method = handler_call_details.method
        if (known := self._wrapped.get(method)) is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(EXEMPT):
            return handler
        sides = (
            "stream" if side else "unary" for side in (handler.request_streaming, handler.response_streaming)
        )
        kind = "_".join(sides)
        behavior = getattr(handler, kind)
        wrapped = (
            self._stream(method, behavior) if handler.response_streaming else self._unary(method, behavior)
        )
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        self._wrapped[method] = make(wrapped, handler.request_deserializer, handler.response_serializer)
        return self._wrapped[method]

    def _unary(self, method: str, behavior: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            return await self._around(method, context, lambda: behavior(request, context))

        return call

    def _stream(self, method: str, behavior: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        async def call(request: Any, context: Any) -> None:
            async def write() -> None:
                responses = behavior(request, context)
                if inspect.isawaitable(responses):  # a handler that writes by itself
                    await responses
                    return
                await self._write(context, responses)

            await self._around(method, context, write)

        return call

    async def _write(self, context: Any, responses: AsyncGenerator[Any, None]) -> None:
        writing, stalled = asyncio.current_task(), False

        def give_up() -> None:
            nonlocal stalled
            if writing is not None:
                stalled = writing.cancel()

        timer = StallTimer(self._stall_s, give_up)
        try:
            async with contextlib.aclosing(responses):
                async for response in responses:
                    with timer:
                        await context.write(response)
        except asyncio.CancelledError:
            if stalled and writing is not None and not writing.uncancel():  # by nobody else
                raise ReaderStalled(f"no message was taken for {self._stall_s:g} s") from None
            raise
        finally:
            timer.close()

    async def _around(self, method: str, context: Any, proceed: Proceed[T]) -> T:
        incoming = _incoming(method, context)
        for concern in reversed(self._concerns):
            proceed = functools.partial(concern, incoming, proceed)
        return await proceed()


def _incoming(method: str, context: Any) -> Incoming:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    remaining = context.time_remaining()
    return Incoming(
        method=method,
        metadata=metadata,
        request_id=metadata.get(REQUEST_ID_KEY, "")[:128] or _new_id(),
        deadline=None if remaining is None else time.monotonic() + remaining,
        context=context,
    )


def _new_id() -> str:
    """A UUID that is no secret: asking the system for its bits would give the interpreter's lock away."""
    bits = f"{_bits.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{_VARIANT[int(bits[16], 16)]}{bits[17:20]}-{bits[20:]}"
