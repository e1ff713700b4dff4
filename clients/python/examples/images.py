"""Two images from a prompt, with progress: python images.py [host:port]."""

import os
import sys
from pathlib import Path

from quadrille_client import Client
from quadrille_client.types.image import ImageResult, Progress

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
OUT = Path("out")


def main() -> None:
    """Draw, and write the files."""
    OUT.mkdir(exist_ok=True)
    with Client(ADDRESS) as client, client.images.stream_generate("a blue square", count=2, seed=1) as stream:
        for event in stream:
            if isinstance(event, Progress):
                print(f"\rstep {event.step} of {event.step_count}", end="", flush=True)
            elif isinstance(event, ImageResult):
                path = OUT / f"example-{event.seed}.{event.image.format}"
                path.write_bytes(event.image.data)
                print(f"\n{path}: {event.image.width} x {event.image.height}")


if __name__ == "__main__":
    main()
