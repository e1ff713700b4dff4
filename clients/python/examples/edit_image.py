"""Change part of an image, and walk from one to another: python edit_image.py [host:port]."""

import os
import sys
from pathlib import Path

from quadrille_client import Client, LatentPoint

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
OUT = Path("out")


def main() -> None:
    """Make two images, have one changed, and make the frames between them."""
    OUT.mkdir(exist_ok=True)
    with Client(ADDRESS) as client:
        red, blue = (
            client.images.generate(f"a {colour} circle", seed=7, steps=8)[0].image
            for colour in ("red", "blue")
        )
        (edited,) = client.images.edit("a blue circle", red.data, strength=0.6, seed=7, steps=8)
        (OUT / "example-edited.png").write_bytes(edited.image.data)
        start, end = LatentPoint(image=red.data), LatentPoint(image=blue.data)
        frames = client.images.interpolate(start, end, frame_count=4, method="slerp")
        for frame in frames:
            path = OUT / f"example-frame-{frame.index}.png"
            path.write_bytes(frame.image.data)
            print(f"{path}: {frame.image.width} x {frame.image.height}")


if __name__ == "__main__":
    main()
