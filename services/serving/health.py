"""grpc.health.v1, with a Watch that streams every change."""

from collections.abc import Iterable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """What this server says of itself and of each of its services; it begins as NOT_SERVING."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._servicer = HealthServicer()
        self._serving: dict[str, bool] = {}
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set(self, service: str, serving: bool) -> None:
        """Say whether a service serves; "" is the server as a whole. Watchers hear of changes only."""
        if self._serving.get(service) != serving:
            self._serving[service] = serving
            await self._servicer.set(service, SERVING if serving else NOT_SERVING)

    async def set_all(self, services: Iterable[str], serving: bool) -> None:
        """Say it of the whole server and of each of these services."""
        for service in ("", *services):
            await self.set(service, serving)

    async def shut_down(self) -> None:
        """Say NOT_SERVING of everything, for good."""
        await self._servicer.enter_graceful_shutdown()
