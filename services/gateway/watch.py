"""Keeps the gateway's health in step with its backends'."""

import asyncio
from collections.abc import Mapping, Sequence

from serving.health import Health

from gateway.backends import HealthProbe
from gateway.metrics import GatewayMetrics


class BackendWatch:
    """Looks at every backend once an interval.

    A service at the gateway is SERVING while one of its backends is; the gateway as a whole, and RAG, while all
    backends are, because backends of one kind hold different models.
    """

    def __init__(
        self,
        probes: Mapping[str, Sequence[HealthProbe]],
        services: Mapping[str, Sequence[str]],
        health: Health,
        metrics: GatewayMetrics,
        *,
        own_services: Sequence[str],
        interval_s: float,
    ) -> None:
        self._probes = probes  # by kind of backend: "text", "image", "retrieval"
        self._services = services  # full service names by kind
        self._health = health
        self._metrics = metrics
        self._own = own_services
        self._interval_s = interval_s
        self.down: tuple[str, ...] = tuple(probes)

    @property
    def ready(self) -> bool:
        """Whether every backend serves."""
        return not self.down

    async def look(self) -> None:
        """Look once and tell the health service."""
        probes = [(kind, probe) for kind, group in self._probes.items() for probe in group]
        answers = await asyncio.gather(*(probe.is_serving() for _, probe in probes))
        up: dict[str, bool] = dict.fromkeys(self._probes, False)
        for (kind, probe), serving in zip(probes, answers, strict=True):
            self._metrics.backend_up.labels(probe.name).set(serving)
            up[kind] |= serving
        lost = {kind for (kind, _), serving in zip(probes, answers, strict=True) if not serving}
        self.down = tuple(kind for kind in self._probes if kind in lost)
        for kind, names in self._services.items():
            for name in names:
                await self._health.set(name, up[kind])
        await self._health.set_all(self._own, self.ready)

    async def run(self) -> None:
        """Look forever."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)
