"""What a message says of the request that it is: its name, what it asks for, how large it is."""

import hashlib
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

MAX_ID_BYTES = 128  # of a field `request_id`, in its contract


class RequestIds:
    """Reads the field `request_id` of the methods that have one."""

    def __init__(self, services: Iterable[ServiceDescriptor]) -> None:
        self._types: dict[str, Any] = {
            f"/{service.full_name}/{method.name}": GetMessageClass(method.input_type)
            for service in services
            for method in service.methods
            if "request_id" in method.input_type.fields_by_name and not method.client_streaming
        }

    def read(self, method: str, request: Any) -> str:
        """The field of a message or of its bytes; nothing where it is missing, or would be refused."""
        if (kind := self._types.get(method)) is None:
            return ""
        try:
            id: str = (kind.FromString(request) if isinstance(request, bytes) else request).request_id
        except DecodeError:
            return ""
        return id if len(id.encode()) <= MAX_ID_BYTES else ""


def fingerprint(request: Any) -> bytes:
    """SHA-256 of what is asked, which is a message or its bytes."""
    message = request if isinstance(request, bytes) else request.SerializeToString(deterministic=True)
    return hashlib.sha256(message).digest()


def size_bytes(message: Any) -> int:
    """Of a message on the wire."""
    return len(message) if isinstance(message, bytes) else int(message.ByteSize())
