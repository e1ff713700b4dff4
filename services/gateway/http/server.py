"""uvicorn on the event loop that gRPC runs on."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process and can be started and stopped."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, grace_s: float) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=max(1, round(grace_s)),
        )
        super().__init__(config)
        self._address = (host, port)
        self._task: asyncio.Task[None] | None = None
        self.bound_port = 0

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def start(self) -> None:
        """Bind and serve. Raises OSError when the port is taken."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        listener = socket.create_server(self._address, family=family, backlog=256)
        self.bound_port = listener.getsockname()[1]
        self._task = asyncio.create_task(self.serve(sockets=[listener]))
        while not self.started and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finish running requests within the grace period, then end."""
        self.should_exit = True
        if self._task is not None:
            await self._task
