"""grpc.health.v1, with a Watch that streams every change.

Each watcher has a queue of its own: changes that follow each other at once are all told, and a watcher that does
not read holds nobody up.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
# Changes that a watcher may be behind; of more, the oldest are lost to it.
MAX_BEHIND = 256


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """What this server says of itself and of each of its services; it begins as NOT_SERVING."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._status: dict[str, int] = {"": NOT_SERVING}
        self._watchers: dict[str, set[asyncio.Queue[int]]] = {}
        self._over = False
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    async def set(self, service: str, serving: bool) -> None:
        """Say whether a service serves; "" is the server as a whole. Watchers hear of changes only."""
        if not self._over:
            self._tell(service, SERVING if serving else NOT_SERVING)

    async def set_all(self, services: Iterable[str], serving: bool) -> None:
        """Say it of the whole server and of each of these services."""
        for service in ("", *services):
            await self.set(service, serving)

    async def shut_down(self) -> None:
        """Say NOT_SERVING of everything, for good."""
        self._over = True
        for service in tuple(self._status):
            self._tell(service, NOT_SERVING)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """How a service is now; NOT_FOUND for one that this server does not know."""
        status = self._status.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        """How every service is now."""
        told = {name: health_pb2.HealthCheckResponse(status=status) for name, status in self._status.items()}
        return health_pb2.HealthListResponse(statuses=told)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802
        """How a service is now, then every change, until the caller leaves."""
        changes: asyncio.Queue[int] = asyncio.Queue(MAX_BEHIND)
        changes.put_nowait(self._status.get(request.service, UNKNOWN))
        watchers = self._watchers.setdefault(request.service, set())
        watchers.add(changes)
        try:
            while True:
                await context.write(health_pb2.HealthCheckResponse(status=await changes.get()))
        finally:
            watchers.discard(changes)
            if not watchers and self._watchers.get(request.service) is watchers:
                del self._watchers[request.service]

    def _tell(self, service: str, status: int) -> None:
        if self._status.get(service) == status:
            return
        self._status[service] = status
        for changes in self._watchers.get(service, ()):
            if changes.full():
                changes.get_nowait()
            changes.put_nowait(status)
