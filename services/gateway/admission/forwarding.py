"""Passed-on calls, behind the gate: a forwarder whose methods wait for their turn."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol

from gateway.admission.gate import Gate
from gateway.convert.usage import Usage, usage_of


class Forwards(Protocol):
    """Passes calls with one request on."""

    async def unary_unary(self, request: bytes, context: Any) -> bytes:
        """One message in, one out."""
        ...

    def unary_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        """One in, many out."""
        ...


class AdmittedForwarder:
    """The same over another; what uses a model has one request, so calls with many are not its business."""

    def __init__(self, inner: Forwards, usage: Usage, gate: Gate) -> None:
        self._inner = inner
        self._usage = usage
        self._gate = gate

    async def unary_unary(self, request: bytes, context: Any) -> bytes:
        """One message in, one out."""
        lengths = self._gate.output(self._usage.pool)
        asked = self._usage.asked(request, lengths)
        async with self._gate.admitted(self._usage.pool, asked.cost, asked.priority) as ticket:
            response = await self._inner.unary_unary(request, context)
            self._usage.told(ticket, asked, lengths)(response)
            return response

    async def unary_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        """One in, many out."""
        lengths = self._gate.output(self._usage.pool)
        asked = self._usage.asked(request, lengths)
        async with self._gate.admitted(self._usage.pool, asked.cost, asked.priority) as ticket:
            see = self._usage.told(ticket, asked, lengths)
            responses: Any = self._inner.unary_stream(request, context)
            async with aclosing(responses):
                async for response in responses:
                    see(response)
                    yield response


def admitted(forwarder: Forwards, method: Any, gate: Gate) -> Forwards:
    """The forwarder of a method; behind the gate when the method, a protobuf descriptor, uses a model."""
    usage = usage_of(method)
    return forwarder if usage is None else AdmittedForwarder(forwarder, usage, gate)
