"""uvicorn on the event loop that gRPC runs on."""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn
from serving.tls import ServerTls
from starlette.types import ASGIApp

from gateway.http.connection import Connection

# Longer than clients keep what they do not use, so that none writes to a connection that is just being closed.
KEEP_ALIVE_S = 75


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process and can be started and stopped."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        grace_s: float,
        max_head_bytes: int,
        head_timeout_s: float,
        stall_s: float | None,
        tls: ServerTls | None = None,
    ) -> None:
        """`stall_s`: how long bytes may wait to be taken by who has the other end of a connection."""
        connection: Any = functools.partial(
            Connection, head_timeout_s=head_timeout_s, max_head_bytes=max_head_bytes
        )
        secured = {} if tls is None else _secured(tls)
        config = uvicorn.Config(
            app,
            http=connection,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(grace_s)),
            **secured,
        )
        super().__init__(config)
        self._address = (host, port)
        self._stall_s = stall_s
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
        if self._stall_s is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections inherit it
            milliseconds = max(
                1, round(2 * self._stall_s * 1000)
            )  # for what was written whole; Patience is first
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
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
