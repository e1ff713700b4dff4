"""A vector store's files as documents: attributes are their metadata, and beside these stands what is told of the file.

So searches by any of the doors filter by attributes, and a file's state is durable with its chunks.
"""

from typing import Any

from gateway.domain.files import Attachment, AttachmentStatus, Chunking, Failure
from gateway.domain.filters import All, Equals, Exists, Filter
from gateway.domain.retrieval import NewDocument, StoredDocument

STATE = "vector_store_file"  # no attribute may have this name


def metadata_of(attachment: Attachment) -> dict[str, Any]:
    """The metadata of a file's document."""
    state: dict[str, Any] = {
        "status": attachment.status.value,
        "bytes": attachment.size_bytes,
        "attached_at": attachment.attached_at,
        "chunk_size_tokens": attachment.chunking.size_tokens,
        "chunk_overlap_tokens": attachment.chunking.overlap_tokens,
    }
    if attachment.batch_id:
        state["batch"] = attachment.batch_id
    if attachment.failure is not None:
        state["failure"] = {"code": attachment.failure.code, "message": attachment.failure.message}
    if attachment.leased_until:
        state["leased_until"] = attachment.leased_until
    return {**attachment.attributes, STATE: state}


def document_of(attachment: Attachment) -> NewDocument:
    """The document of a file that cannot be searched for: not yet, or never."""
    return NewDocument(attachment.file_id, attachment.filename, "", "", metadata_of(attachment))


def attachment_of(document: StoredDocument) -> Attachment:
    """What a document tells of its file."""
    state = document.metadata[STATE]
    failure = state.get("failure")
    return Attachment(
        file_id=document.id,
        filename=document.title,
        size_bytes=int(state["bytes"]),
        attached_at=int(state["attached_at"]),
        chunking=Chunking(int(state["chunk_size_tokens"]), int(state["chunk_overlap_tokens"])),
        attributes=attributes_of(document.metadata),
        batch_id=state.get("batch", ""),
        status=AttachmentStatus(state["status"]),
        failure=None if failure is None else Failure(failure["code"], failure["message"]),
        leased_until=state.get("leased_until", 0.0),
        version=document.version,
    )


def attributes_of(metadata: dict[str, Any]) -> dict[str, Any]:
    """What callers said of a file, of all its document's metadata."""
    return {name: value for name, value in metadata.items() if name != STATE}


def chosen(status: AttachmentStatus | None, batch_id: str) -> Filter:
    """Files, of a status and of a batch where these are given."""
    wanted: list[Filter] = [Exists(f"{STATE}.status")]
    if status is not None:
        wanted.append(Equals(f"{STATE}.status", status.value))
    if batch_id:
        wanted.append(Equals(f"{STATE}.batch", batch_id))
    return All(tuple(wanted))
