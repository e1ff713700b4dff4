"""Questions that build upon each other, and what each sentence rests on: python conversation.py [host:port]."""

import os
import sys
import tempfile
from pathlib import Path

from quadrille_client import Client
from quadrille_client.types.rag import Answer

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
TEXT = "Marrowmere was founded by Odile Brandt in 1871. The lighthouse is 42 metres tall."


def show(question: str, answer: Answer) -> None:
    """What was searched for, what the answer rests on, and why there may be none."""
    print(f"> {question}")
    if answer.rewritten is not None:
        print(f"searched for: {answer.rewritten.query} ({answer.rewritten.method})")
    print(answer.text, f"[no answer: {answer.abstention}]" if answer.abstention else "")
    for sentence in answer.sentences:
        if sentence.supported and sentence.evidence is not None:
            place = sentence.evidence
            print(f"  rests on: {TEXT.encode()[place.start_byte : place.end_byte].decode()!r}")
    for passage in answer.omitted:
        print(f"  left out: {passage.chunk_id}, {passage.reason}")


def main() -> None:
    """Ask, ask on, and ask what the documents don't say."""
    with Client(ADDRESS) as client, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "islands.md"
        file.write_text(TEXT)
        list(client.ingest("example-conversation", [file]))
        talk = client.conversation("example-conversation", max_tokens=48, temperature=0.0)
        for question in ("Who founded Marrowmere?", "And in which year?"):
            show(question, talk.ask(question))
        other = "Who wrote the anthem?"
        show(other, client.ask("example-conversation", other, max_tokens=48, temperature=0.0))
        client.collections.delete("example-conversation")


if __name__ == "__main__":
    main()
