"""Keeps the gateway's health in step with its backends'."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from serving.health import Health

from gateway.balancing.pool import Pool
from gateway.metrics import GatewayMetrics


class BackendWatch:
    """Looks at every backend once an interval.

    A service at the gateway is SERVING while one of its backends is; the gateway as a whole, and RAG, while every
    backend is, or others have all of its models. `refresh` reads what models there are.
    """

    def __init__(
        self,
        pools: Mapping[str, Pool],
        services: Mapping[str, Sequence[str]],
        health: Health,
        metrics: GatewayMetrics,
        *,
        own_services: Sequence[str],
        interval_s: float,
        refresh: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._pools = pools  # by kind of backend: "text", "image", "retrieval"
        self._services = services  # full service names by kind
        self._health = health
        self._metrics = metrics
        self._own = own_services
        self._interval_s = interval_s
        self._refresh = refresh
        self._shown: set[str] = set()
        self.down: tuple[str, ...] = tuple(pools)

    @property
    def ready(self) -> bool:
        """Whether every backend serves."""
        return not self.down

    @property
    def serving(self) -> dict[str, bool]:
        """Whether each server served when it was last looked at, by its probe's name."""
        return {item.probe.name: item.serving for pool in self._pools.values() for item in pool.replicas}

    async def look(self) -> None:
        """Look once and tell the health service."""
        replicas = {item.probe.name: item for pool in self._pools.values() for item in pool.replicas}
        await asyncio.gather(*(item.look() for item in replicas.values()))
        for name, replica in replicas.items():
            self._metrics.backend_up.labels(name).set(replica.serving)
            self._metrics.backend_calls.labels(name).set(replica.calls)
        self._forget(self._shown - set(replicas))
        self._shown = set(replicas)
        await asyncio.gather(*(refresh() for refresh in self._refresh))
        self.down = tuple(kind for kind, pool in self._pools.items() if not pool.covered())
        for kind, names in self._services.items():
            for name in names:
                await self._health.set(name, self._pools[kind].serves)
        await self._health.set_all(self._own, self.ready)

    async def run(self) -> None:
        """Look forever."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)

    def _forget(self, names: set[str]) -> None:
        """Servers that are gone are shown no longer."""
        for name in names:
            for metric in (self._metrics.backend_up, self._metrics.backend_calls):
                metric.remove(name)
