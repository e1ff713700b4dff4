"""A streamed answer: python chat.py [host:port]."""

import os
import sys

from quadrille_client import Client
from quadrille_client.types.text import Delta, Finished, Message

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")


def main() -> None:
    """Chat once, and say what it took."""
    turns: list[Message] = [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is gRPC?"},
    ]
    with Client(ADDRESS) as client, client.stream_chat(turns, max_tokens=64, temperature=0.0) as stream:
        for event in stream:
            if isinstance(event, Delta):
                print(event.text, end="", flush=True)
            elif isinstance(event, Finished):
                print(f"\n{event.usage.completion_tokens} tokens, {event.sequences[0].finish_reason}")


if __name__ == "__main__":
    main()
