"""An in-process server on an ephemeral port, for tests of servicers."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from serving.server import GrpcServer


@contextlib.asynccontextmanager
async def running(server: GrpcServer, *, services: Sequence[str]) -> AsyncIterator[str]:
    """Run a server whose servicers are registered, SERVING; yields its address "host:port"."""
    await server.start(services)
    await server.set_serving()
    try:
        yield f"{server.settings.host}:{server.port}"
    finally:
        await server.drain()
