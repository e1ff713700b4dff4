"""Pages of listings."""

from quadrille.retrieval.v1 import collection_pb2, document_pb2
from serving.errors import InvalidInput

from retrieval import limits


def page_size_from_proto(
    request: collection_pb2.ListCollectionsRequest | document_pb2.ListDocumentsRequest,
) -> int:
    """Read the size of a page."""
    size = request.page_size if request.HasField("page_size") else limits.DEFAULT_PAGE_SIZE
    if not 1 <= size <= limits.MAX_PAGE_SIZE:
        raise InvalidInput("page_size", f"must be 1 to {limits.MAX_PAGE_SIZE}")
    return size
