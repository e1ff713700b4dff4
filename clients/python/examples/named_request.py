"""A request with a name is done once, however often it is sent: python named_request.py [host:port]."""

import os
import sys
import uuid

from quadrille_client import AbortedError, Client
from quadrille_client.types.text import Delta

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")


def main() -> None:
    """Leave a stream early, come back to it, and be refused when the name is used for something else."""
    name = f"example-{uuid.uuid4()}"
    with Client(ADDRESS) as client:
        letter = client.named(name)
        with letter.stream_chat("Write me a letter.", max_tokens=32) as stream:
            first = next(event for event in stream if isinstance(event, Delta))
        print(f"left after {first.text!r}; the gateway goes on for half a minute")
        answer = letter.stream_chat("Write me a letter.", max_tokens=32).collect()
        print(f"the same answer, whole: {answer.text!r}")
        try:
            letter.chat("Write me a song.")
        except AbortedError as error:
            print(f"{error.reason}: {error.message}")


if __name__ == "__main__":
    main()
