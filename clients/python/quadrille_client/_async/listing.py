"""Listings as a whole, page after page."""

from collections.abc import AsyncIterator

from quadrille_client._async.retrieval import AsyncDocuments
from quadrille_client.types.retrieval import Document, Filter


async def all_of(
    documents: AsyncDocuments, collection: str, page_size: int, filter: Filter | None = None
) -> AsyncIterator[Document]:
    """All documents that the caller may read, without content, by id."""
    token = ""
    while True:
        page = await documents.list(collection, filter=filter, page_size=page_size, page_token=token)
        for document in page.documents:
            yield document
        token = page.next_page_token
        if not token:
            return
