"""Vector stores, their files and what is found in them as OpenAI answers them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from serving.errors import InvalidInput

from gateway.domain.files import Attachment, AttachmentStatus, Chunking, VectorStore
from gateway.domain.retrieval import Hit
from gateway.files.attachments import attributes_of
from gateway.files.ids import created_at
from gateway.http.file_schemas import AutoStrategy, StaticStrategy


def chunking_of(strategy: AutoStrategy | StaticStrategy | None) -> Chunking:
    """Sizes of chunks; raises InvalidInput."""
    if not isinstance(strategy, StaticStrategy):
        return Chunking()
    size, overlap = strategy.static.max_chunk_size_tokens, strategy.static.chunk_overlap_tokens
    if overlap > size // 2:
        field = "chunking_strategy.static.chunk_overlap_tokens"
        raise InvalidInput(field, "must be at most half of max_chunk_size_tokens")
    return Chunking(size, overlap)


def store_body(store: VectorStore, files: Sequence[Attachment]) -> dict[str, Any]:
    """A store, with counts of its files."""
    counts = _counts(files)
    return {
        "id": store.id,
        "object": "vector_store",
        "created_at": store.created_at,
        "name": store.name,
        "description": store.description,
        "metadata": store.metadata,
        "usage_bytes": sum(item.size_bytes for item in files if item.status is AttachmentStatus.COMPLETED),
        "file_counts": counts,
        "status": "in_progress" if counts["in_progress"] else "completed",
        "expires_after": None,
        "expires_at": None,
        "last_active_at": None,
    }


def file_body(store_id: str, item: Attachment) -> dict[str, Any]:
    """A file of a store."""
    failure = item.failure
    return {
        "id": item.file_id,
        "object": "vector_store.file",
        "created_at": item.attached_at,
        "vector_store_id": store_id,
        "status": item.status.value,
        "usage_bytes": item.size_bytes if item.status is AttachmentStatus.COMPLETED else 0,
        "last_error": None if failure is None else {"code": failure.code, "message": failure.message},
        "attributes": item.attributes,
        "chunking_strategy": {
            "type": "static",
            "static": {
                "max_chunk_size_tokens": item.chunking.size_tokens,
                "chunk_overlap_tokens": item.chunking.overlap_tokens,
            },
        },
    }


def batch_body(store_id: str, batch_id: str, files: Sequence[Attachment]) -> dict[str, Any]:
    """A batch of files."""
    counts = _counts(files)
    if counts["in_progress"]:
        status = "in_progress"
    elif counts["cancelled"]:
        status = "cancelled"
    else:
        status = "failed" if counts["failed"] == counts["total"] else "completed"
    return {
        "id": batch_id,
        "object": "vector_store.files_batch",
        "created_at": created_at(batch_id),
        "vector_store_id": store_id,
        "status": status,
        "file_counts": counts,
    }


def result_body(hit: Hit) -> dict[str, Any]:
    """A chunk that was found."""
    return {
        "file_id": hit.document_id,
        "filename": hit.title,
        "score": hit.score,
        "attributes": attributes_of(hit.metadata),
        "content": [{"type": "text", "text": hit.text}],
    }


def _counts(files: Sequence[Attachment]) -> dict[str, int]:
    counted = Counter(item.status for item in files)
    return {**{status.value: counted[status] for status in AttachmentStatus}, "total": len(files)}
