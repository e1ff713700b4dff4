"""Several answers at once over one connection, one of them left early: python async_streams.py [host:port]."""

import asyncio
import os
import sys

from quadrille_client import AsyncClient
from quadrille_client.types.text import Delta

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")


async def finish(client: AsyncClient, prompt: str) -> str:
    """The whole continuation."""
    return (await client.generate(prompt, max_tokens=24, seed=1)).text


async def leave_early(client: AsyncClient, prompt: str) -> str:
    """The first pieces; leaving the stream frees its place on the server."""
    pieces: list[str] = []
    async with client.stream_generate(prompt, max_tokens=200, seed=1) as stream:
        async for event in stream:
            if isinstance(event, Delta):
                pieces.append(event.text)
            if len(pieces) == 5:
                break
    return "".join(pieces)


async def main() -> None:
    """Run them together; they share the server's batch."""
    prompts = ("A server is", "The weather", "Documents are")
    async with AsyncClient(ADDRESS) as client:
        tasks = [finish(client, prompt) for prompt in prompts] + [leave_early(client, "Once")]
        for prompt, text in zip((*prompts, "Once"), await asyncio.gather(*tasks), strict=True):
            print(f"{prompt!r} -> {text!r}")


if __name__ == "__main__":
    asyncio.run(main())
