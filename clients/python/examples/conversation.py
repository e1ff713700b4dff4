"""Questions that build upon each other, and what each sentence rests on: python conversation.py [host:port]."""

import os
import sys
from pathlib import Path

from quadrille_client import Client

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
DOCUMENTS = Path(__file__).resolve().parent.parent / "README.md"


def main() -> None:
    """Ask, ask on, and show what was searched for, what the answer rests on, and why there may be none."""
    text = DOCUMENTS.read_bytes()
    with Client(ADDRESS) as client:
        list(client.ingest("example-conversation", [DOCUMENTS]))
        talk = client.conversation("example-conversation", max_tokens=48, support="lexical")
        for question in ("Which errors does the client raise?", "And when is a call retried?"):
            answer = talk.ask(question)
            print(f"> {question}")
            if answer.rewritten is not None:
                print(f"searched for: {answer.rewritten.query} ({answer.rewritten.method})")
            print(answer.text, f"[no answer: {answer.abstention}]" if answer.abstention else "")
            for sentence in answer.sentences:
                if sentence.supported and sentence.evidence is not None:
                    place = sentence.evidence
                    print(f"  rests on: {text[place.start_byte : place.end_byte].decode()!r}")
            for passage in answer.omitted:
                print(f"  left out: {passage.chunk_id}, {passage.reason}")


if __name__ == "__main__":
    main()
