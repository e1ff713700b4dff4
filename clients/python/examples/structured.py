"""Answers that a program can read: python structured.py [host:port]."""

import json
import os
import sys

from quadrille_client import Client

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Bergen", "Tromsø"]}, "rain": {"type": "boolean"}},
    "required": ["city", "rain"],
    "additionalProperties": False,
}


def main() -> None:
    """A JSON schema and a regular expression: what is generated satisfies them, whatever the model would rather say."""
    with Client(ADDRESS) as client:
        said = client.chat("Does it rain in Oslo?", json_schema=json.dumps(SCHEMA), max_tokens=64, seed=1)
        print(json.loads(said.text))
        dated = client.generate("It was on", regex=" [0-3][0-9]/[01][0-9]/19[0-9]{2}", max_tokens=32, seed=1)
        print(dated.text, f"({dated.finished.sequences[0].finish_reason})")


if __name__ == "__main__":
    main()
