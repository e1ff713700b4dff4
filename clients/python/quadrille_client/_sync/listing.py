"""Listings as a whole, page after page."""

from collections.abc import Iterator

from quadrille_client._sync.retrieval import Documents
from quadrille_client.types.retrieval import Document, Filter


def all_of(
    documents: Documents, collection: str, page_size: int, filter: Filter | None = None
) -> Iterator[Document]:
    """All documents that the caller may read, without content, by id."""
    token = ""
    while True:
        page = documents.list(collection, filter=filter, page_size=page_size, page_token=token)
        for document in page.documents:
            yield document
        token = page.next_page_token
        if not token:
            return
