"""Files and vector stores by OpenAI's own client (`pip install openai`): python vector_store.py.

QUADRILLE_HTTP says where the gateway's HTTP port is, http://host:port.
"""

import os

from openai import OpenAI

HERE = os.environ.get("QUADRILLE_HTTP", "http://127.0.0.1:8080")
KEY = os.environ.get("QUADRILLE_API_KEY", "none")


def main() -> None:
    """Upload a file, have it cut and embedded, search it, and clean up."""
    with OpenAI(base_url=f"{HERE}/v1", api_key=KEY) as client:
        text = b"The moon pulls the sea and makes the tides."
        file = client.files.create(file=("tides.txt", text), purpose="assistants")
        store = client.vector_stores.create(name="example", file_ids=[file.id])
        stored = client.vector_stores.files.poll(file.id, vector_store_id=store.id)
        print(f"{file.filename}: {stored.status}")
        for hit in client.vector_stores.search(store.id, query="why is there ebb and flow?"):
            print(f"{hit.score:.3f} {hit.filename}: {hit.content[0].text}")
        client.vector_stores.delete(store.id)
        client.files.delete(file.id)


if __name__ == "__main__":
    main()
