"""The stack that the page is tested against: the default models, and a second gateway before them that asks for a key.

Prints one line of JSON when all serve; ends when its standard input does.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from quadrille_cli.stack import Ports, Stack, local_stack, quadrille_services
from serving.keys import digest

KEY = "qd-playground"


def guarded(folder: Path, ports: Ports, door: Ports) -> Stack:
    """A gateway to the same services, with a key file."""
    folder.mkdir()
    keys = folder / "keys.toml"
    keys.write_text(f'[[keys]]\nname = "page"\nsha256 = "{digest(KEY)}"\n')
    joined = dataclasses.replace(ports, gateway=door.gateway, http=door.http)
    gateway = quadrille_services(folder, joined)[-1]
    environment = {**gateway.environment, "QUADRILLE_GATEWAY_API_KEYS_FILE": str(keys)}
    return Stack([dataclasses.replace(gateway, environment=environment)], folder / "logs")


def main() -> None:
    """Run both."""
    ports, door = Ports.free(), Ports.free()
    with (
        tempfile.TemporaryDirectory() as folder,
        local_stack(Path(folder), ports=ports),
        guarded(Path(folder, "guarded"), ports, door),
    ):
        urls = {
            name: f"http://127.0.0.1:{port}" for name, port in (("open", ports.http), ("guarded", door.http))
        }
        sys.stdout.write(json.dumps({**urls, "key": KEY}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
