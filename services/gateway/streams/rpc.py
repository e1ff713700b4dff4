"""Named calls over gRPC.

A call is named by its metadata `idempotency-key` or, where its request has one, by the field `request_id`. Messages of
a stream are numbered from 1 in their order; with `last-event-id` in its metadata a call resumes after that message.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from serving.call import current_call
from serving.errors import InvalidInput
from serving.interceptor import EXEMPT

from gateway.convert.named import RequestIds, fingerprint, size_bytes
from gateway.streams.fields import checked_id, place
from gateway.streams.named import NAME_KEY, REPLAYED_KEY, RESUME_KEY, Name, NamedRequests, Put


class NamedCalls(grpc.aio.ServerInterceptor):
    """Has named calls of one request each done once; others pass untouched."""

    def __init__(self, requests: NamedRequests, ids: RequestIds) -> None:
        self._requests = requests
        self._ids = ids

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of a method that takes one message."""
        method, handler = handler_call_details.method, await continuation(handler_call_details)
        if handler is None or handler.request_streaming or method.startswith(EXEMPT):
            return handler
        if handler.response_streaming:
            behavior = self._streaming(method, handler.unary_stream)
            make = grpc.unary_stream_rpc_method_handler
        else:
            behavior = self._unary(method, handler.unary_unary)
            make = grpc.unary_unary_rpc_method_handler
        return make(behavior, handler.request_deserializer, handler.response_serializer)

    def _streaming(self, method: str, behavior: Callable[..., Any]) -> Callable[..., Any]:
        def call(request: Any, context: Any) -> Any:
            async def work(put: Put) -> bool:
                async with aclosing(behavior(request, context)) as messages:
                    async for message in messages:
                        await put(message, size_bytes(message))
                return True

            id = self._id(method, request, context)
            return self._follow(id, method, request, context, work) if id else behavior(request, context)

        return call

    def _unary(self, method: str, behavior: Callable[..., Any]) -> Callable[..., Any]:
        async def call(request: Any, context: Any) -> Any:
            async def work(put: Put) -> bool:
                message = await behavior(request, context)
                await put(message, size_bytes(message))
                return True

            id = self._id(method, request, context)
            if not id:
                return await behavior(request, context)
            async with aclosing(self._follow(id, method, request, context, work)) as messages:
                async for message in messages:
                    return message
            raise InvalidInput(RESUME_KEY, "is the number of the only message")

        return call

    async def _follow(
        self, id: str, method: str, request: Any, context: Any, work: Callable[[Put], Awaitable[bool]]
    ) -> AsyncGenerator[Any, None]:
        after = place(_metadata(context).get(RESUME_KEY))
        name = Name.of(current_call().principal, method, id)
        untold = self._requests.knows(name)
        async with aclosing(self._requests.follow(name, fingerprint(request), after, work)) as items:
            async for _, message in items:
                if untold:  # first of all: who resumes must know that it goes on where it stopped
                    await context.send_initial_metadata(((REPLAYED_KEY, "true"),))
                    untold = False
                yield message

    def _id(self, method: str, request: Any, context: Any) -> str:
        """What the caller calls this request, or nothing."""
        if (given := _metadata(context).get(NAME_KEY)) is not None:
            return checked_id(given)
        return self._ids.read(method, request)


def _metadata(context: Any) -> Mapping[str, Any]:
    return dict(context.invocation_metadata() or ())
