"""uvicorn on the event loop that gRPC runs on."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn
from serving.tls import ServerTls
from starlette.types import ASGIApp


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process and can be started and stopped."""

    def __init__(
        self, app: ASGIApp, host: str, port: int, *, grace_s: float, tls: ServerTls | None = None
    ) -> None:
        secured = {} if tls is None else _secured(tls)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=max(1, round(grace_s)),
            **secured,
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
        try:
            listener = socket.create_server(self._address, family=family, backlog=256)
        except OSError as error:
            host, port = self._address
            raise OSError(f"cannot listen on {host}:{port} for HTTP: {error.strerror}") from error
        self.bound_port = listener.getsockname()[1]
        self._task = asyncio.create_task(self.serve(sockets=[listener]))
        while not self.started and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finish running requests within the grace period, then end."""
        self.should_exit = True
        if self._task is not None:
            await self._task


def _secured(tls: ServerTls) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    if tls.client_ca is not None:
        options |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return options
