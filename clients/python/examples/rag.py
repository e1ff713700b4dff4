"""Ingest this folder's README and ask about it: python rag.py [host:port]."""

import os
import sys
from pathlib import Path

from quadrille_client import Client
from quadrille_client.types.rag import AnswerDelta, AskFinished, Citation, FileStored, SentenceSupport

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
DOCUMENTS = Path(__file__).resolve().parent.parent / "README.md"


def main() -> None:
    """Ingest, ask, print the answer with what it rests on."""
    with Client(ADDRESS) as client:
        for file in client.ingest("example-rag", [DOCUMENTS]):
            if isinstance(file, FileStored):
                print(f"{file.id}: {file.chunk_count} chunks{' (unchanged)' if file.unchanged else ''}")
        with client.stream_ask("example-rag", "Which errors does the client raise?", max_tokens=64) as answer:
            for event in answer:
                if isinstance(event, AnswerDelta):
                    print(event.text, end="", flush=True)
                elif isinstance(event, Citation):
                    place = event.evidence or event
                    print(f" ({event.document_id}, bytes {place.start_byte}-{place.end_byte})", end="")
                elif isinstance(event, SentenceSupport) and not event.supported:
                    print(" (no passage supports this)", end="")
                elif isinstance(event, AskFinished):
                    print(f"\ngrounded: {event.groundedness.score:.2f}, by {event.groundedness.method}")


if __name__ == "__main__":
    main()
