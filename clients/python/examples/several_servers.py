"""Several servers of a kind, and models that stand in for others: python several_servers.py [host:port].

`several_servers.toml`, beside this, is the gateway's configuration. QUADRILLE_HTTP says where its HTTP port is,
http://host:port: the metrics there tell which servers are up, and what went elsewhere than it was meant for.
"""

import asyncio
import os
import sys
from urllib.request import urlopen

from quadrille_client import AsyncClient

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUADRILLE_ADDRESS", "127.0.0.1:50050")
HTTP = os.environ.get("QUADRILLE_HTTP", "http://127.0.0.1:8080")
TOLD = tuple(f"quadrille_gateway_{name}{{" for name in ("backend_up", "retries_total", "fallbacks_total"))


async def ask() -> None:
    """Ask several things at once of whatever "best" is now; each goes to the server with the least to do."""
    async with AsyncClient(ADDRESS) as client:
        known = {model.id for model in await client.models()}
        model = "best" if "best" in known else ""  # without that configuration: the default
        prompts = ("A server is", "The weather", "Documents are", "Once")
        answers = await asyncio.gather(*(client.generate(p, model=model, max_tokens=16) for p in prompts))
        for prompt, answer in zip(prompts, answers, strict=True):
            print(f"{answer.started.model}: {prompt!r} -> {answer.text!r}")


def main() -> None:
    """Ask, and see what the gateway tells of its servers."""
    asyncio.run(ask())
    with urlopen(f"{HTTP}/metrics") as metrics:
        print(*(line for line in metrics.read().decode().splitlines() if line.startswith(TOLD)), sep="\n")


if __name__ == "__main__":
    main()
