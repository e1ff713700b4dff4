"""What passed-on requests are expected to use, and what their answers say was used."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from quadrille.image.v1 import image_pb2
from quadrille.text.v1 import text_pb2
from serving.errors import InvalidInput

from gateway.admission.cost import Cost, image_cost, text_cost, tokens_of
from gateway.admission.forecast import OutputLength
from gateway.admission.meter import TextMeter
from gateway.admission.pools import ENCODE, GENERATE, IMAGE
from gateway.admission.ticket import Ticket

_TEXT = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name
_IMAGE = image_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name
_ENCODED = frozenset({"Score", "Embed", "Rerank", "FillMask"})
_DRAWN = frozenset({"Generate", "Edit", "Interpolate", "Encode", "Decode", "Score"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is expected to cost; its priority where it names one."""

    cost: Cost
    priority: int | None = None


class Usage(Protocol):
    """What one method uses. `pool` is where its work waits."""

    @property
    def pool(self) -> str:
        """The pool's name."""
        ...

    def asked(self, request: bytes, lengths: OutputLength) -> Asked:
        """Of a request; raises InvalidInput for bytes that are none."""
        ...

    def told(self, ticket: Ticket, asked: Asked, lengths: OutputLength) -> Callable[[bytes], None]:
        """What to call with each response."""
        ...


def usage_of(method: MethodDescriptor) -> Usage | None:
    """What a method uses; None for one that uses no model."""
    service, name = method.containing_service.full_name, method.name
    if service == _TEXT and name in ("Generate", "Chat"):
        return _Generated(method)
    if service == _TEXT and name in _ENCODED:
        return _Encoded(method)
    return _Drawn(method) if service == _IMAGE and name in _DRAWN else None


class _Method:
    pool = ""

    def __init__(self, method: MethodDescriptor) -> None:
        self._request: Any = GetMessageClass(method.input_type)
        self._response: Any = GetMessageClass(method.output_type)

    def _read(self, request: bytes) -> Any:
        try:
            return self._request.FromString(request)
        except Exception as error:  # protobuf's DecodeError has several homes
            raise InvalidInput("request", "is not a message of this method") from error


class _Generated(_Method):
    """Answers, token by token."""

    pool = GENERATE

    def asked(self, request: bytes, lengths: OutputLength) -> Asked:
        message = self._read(request)
        sampling = message.sampling
        at_most = sampling.max_tokens * max(1, sampling.n) if sampling.HasField("max_tokens") else None
        cost = text_cost(tokens_of(len(request)), lengths.expect(at_most))
        return Asked(cost, message.priority if message.HasField("priority") else None)

    def told(self, ticket: Ticket, asked: Asked, lengths: OutputLength) -> Callable[[bytes], None]:
        meter = TextMeter(ticket, lengths)

        def see(response: bytes) -> None:
            message = self._response.FromString(response)
            match message.WhichOneof("event"):
                case "started":
                    meter.started(message.started.prompt_token_count)
                case "delta":
                    meter.more(len(message.delta.token_ids))
                case "finished":
                    usage = message.finished.usage
                    meter.finished(usage.prompt_token_count, usage.completion_token_count)

        return see


class _Encoded(_Method):
    """One pass over texts."""

    pool = ENCODE

    def asked(self, request: bytes, lengths: OutputLength) -> Asked:
        return Asked(text_cost(tokens_of(len(request))))

    def told(self, ticket: Ticket, asked: Asked, lengths: OutputLength) -> Callable[[bytes], None]:
        def see(response: bytes) -> None:
            ticket.used(text_cost(self._response.FromString(response).usage.prompt_token_count))

        return see


class _Drawn(_Method):
    """Images; their cost is known at once."""

    pool = IMAGE

    def asked(self, request: bytes, lengths: OutputLength) -> Asked:
        message = self._read(request)
        if not hasattr(message, "parameters"):
            return Asked(image_cost(None, None, None, None))
        count = message.frame_count if hasattr(message, "frame_count") else message.parameters.count
        sizes = (message.parameters.steps, message.parameters.width, message.parameters.height)
        cost = image_cost(count or None, *(size or None for size in sizes))
        named = hasattr(message, "priority") and message.HasField("priority")
        return Asked(cost, message.priority if named else None)

    def told(self, ticket: Ticket, asked: Asked, lengths: OutputLength) -> Callable[[bytes], None]:
        def see(response: bytes) -> None:
            ticket.used(asked.cost)

        return see
