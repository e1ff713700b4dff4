"""RagService's messages as protobuf's JSON: what the contract says of each field holds over HTTP, too."""

from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from quadrille.gateway.v1 import rag_pb2
from serving.errors import InvalidInput

from gateway.convert import ingest
from gateway.convert.answer import event_to_proto
from gateway.convert.ask import ask_from_proto
from gateway.convert.retrieval import hit_to_proto
from gateway.domain.answer import AskEvent
from gateway.domain.ask import AskRequest
from gateway.domain.ingest import File, IngestEvent, IngestStart
from gateway.domain.retrieval import Hit


def ask_from_json(body: bytes) -> AskRequest:
    """A question from an AskRequest in JSON; raises InvalidInput."""
    message = rag_pb2.AskRequest()
    try:
        json_format.Parse(body, message)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise InvalidInput("body", f"is no AskRequest: {error}") from error
    return ask_from_proto(message)


def ask_event_to_json(event: AskEvent) -> tuple[str, dict[str, Any]]:
    """The name and the fields of one event of an answer."""
    return _event(event_to_proto(event))


def start_from_query(collection: str) -> IngestStart:
    """The opening of an ingest with the defaults; raises InvalidInput."""
    return ingest.start_from_proto(rag_pb2.IngestDocumentsStart(collection=collection))


def file_from_upload(name: str, data: bytes) -> File:
    """A file that was sent as it is; its name is its id, and tells its kind. Raises InvalidInput."""
    return ingest.file_from_proto(rag_pb2.File(id=name, data=data))


def ingest_event_to_json(event: IngestEvent) -> tuple[str, dict[str, Any]]:
    """The name and the fields of one event of an ingest."""
    return _event(ingest.ingest_event_to_proto(event))


def hits_to_json(hits: Iterable[Hit]) -> list[dict[str, Any]]:
    """Chunks that were found."""
    return [_fields(hit_to_proto(hit)) for hit in hits]


def _event(message: Message) -> tuple[str, dict[str, Any]]:
    name = message.WhichOneof("event")
    assert name is not None
    return name, _fields(getattr(message, name))


def _fields(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return fields
