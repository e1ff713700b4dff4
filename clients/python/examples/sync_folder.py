"""Keep a collection as a folder is, and search it under a filter: python sync_folder.py [host:port]."""

import os
import sys
import tempfile
from pathlib import Path

from quadrille_client import Client
from quadrille_client.types.rag import FileRemoved, FileSkipped, FileStored

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
COLLECTION = "example-sync"


def sync(client: Client, folder: Path) -> None:
    """Send what changed, delete what is gone."""
    for event in client.sync(COLLECTION, [folder], metadata={"team": "blue"}):
        if isinstance(event, FileStored | FileSkipped | FileRemoved):
            print(f"{type(event).__name__}: {event.id}")


def main() -> None:
    """Write two files, then change one and delete the other."""
    with Client(ADDRESS) as client, tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "notes"
        folder.mkdir()
        (folder / "tides.md").write_text("The moon pulls the sea and makes the tides.")
        (folder / "rust.md").write_text("Iron rusts when water and air reach it.")
        sync(client, folder)
        (folder / "tides.md").write_text("The moon and the sun pull the sea and make the tides.")
        (folder / "rust.md").unlink()
        sync(client, folder)
        found = client.search(COLLECTION, "ebb and flow", filter={"field": "team", "equals": "blue"})
        print([(hit.document_id, hit.text) for hit in found.hits])
        client.collections.delete(COLLECTION)


if __name__ == "__main__":
    main()
