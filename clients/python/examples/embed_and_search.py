"""Embed documents of one's own, store them, search them: python embed_and_search.py [host:port]."""

import os
import sys

from quadrille_client import Chunk, Client, Document

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
COLLECTION = "example-search"
TEXTS = {
    "cats": "Cats sleep for most of the day.",
    "rust": "Iron rusts when water and air reach it.",
    "tides": "The moon pulls the sea and makes the tides.",
}


def main() -> None:
    """Make a collection that knows its model, write, search, and clean up."""
    with Client(ADDRESS) as client:
        embedded = client.embed(list(TEXTS.values()))
        client.collections.create(COLLECTION, len(embedded.vectors[0]), embedding_model=embedded.model_stamp)
        try:
            documents = [
                Document(name, text, metadata={"topic": name}, chunks=[Chunk(text, 0, len(text), vector)])
                for (name, text), vector in zip(TEXTS.items(), embedded.vectors, strict=True)
            ]
            written = client.documents.upsert(COLLECTION, documents, embedding_model=embedded.model_stamp)
            found = client.search(COLLECTION, "why is there ebb and flow?", top_k=2, min_lsn=written.lsn)
            for hit in found.hits:
                print(f"{hit.score:.4f} {hit.document_id}: {hit.text}")
            only = client.search(COLLECTION, "animals", filter={"not": {"field": "topic", "equals": "cats"}})
            print("without cats:", [hit.document_id for hit in only.hits])
        finally:
            client.collections.delete(COLLECTION)


if __name__ == "__main__":
    main()
