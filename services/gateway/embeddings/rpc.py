"""Embed over gRPC, with vectors that are remembered; whatever else is passed on untouched."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from serving.errors import InvalidInput

from gateway.convert.embedding import EMBED, EmbedCall
from gateway.embeddings.lookup import Answered, Lookup


class RememberedEmbeds(grpc.aio.ServerInterceptor):
    """Answers from what is known before a call waits for its turn."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of Embed."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method != EMBED:
            return handler
        forward = handler.unary_unary

        async def embed(request: bytes, context: Any) -> bytes:
            try:
                call = EmbedCall(request)
            except ValueError:  # to be refused where it is read
                response: bytes = await forward(request, context)
                return response

            asked = call.asked

            async def ask(inputs: Sequence[str]) -> Answered:
                try:
                    return call.answered(await forward(call.part(inputs), context))
                except grpc.aio.AioRpcError as error:
                    # As it is, unless it names a place in what was asked instead of this.
                    part = tuple(inputs) != asked.inputs
                    if part and error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                        raise InvalidInput("inputs", "has one that is refused") from error
                    raise

            return call.response(await self._lookup.answer(asked, ask))

        return grpc.unary_unary_rpc_method_handler(embed)
