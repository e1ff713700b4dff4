"""One server that calls can be sent to, and what is known of it."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from gateway.backends import HealthProbe
from gateway.balancing.ejection import Ejection
from gateway.balancing.prefixes import Prefixes

Stub = TypeVar("Stub")


class Replica:
    """A server at one address, with its channel."""

    def __init__(
        self,
        address: str,
        channel: grpc.aio.Channel,
        probe: HealthProbe,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.channel = channel
        self.probe = probe
        self.ejection = Ejection(clock)
        self.prefixes = Prefixes()
        self.serving = True  # as far as is known
        self.models: frozenset[str] | None = None  # what it listed when it was last reached
        self.life = 0  # grows with each loss and return: what was learnt before may not hold
        self.calls = 0  # that run: its channel stays open for them
        self.outstanding = 0  # their cost
        self.last_pick = 0
        self._stubs: dict[Any, Any] = {}

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """A stub over its channel, made once."""
        if kind not in self._stubs:
            self._stubs[kind] = kind(self.channel)
        found: Stub = self._stubs[kind]
        return found

    async def look(self) -> None:
        """Ask for its health."""
        self.calls += 1
        try:
            serving = await self.probe.is_serving()
        finally:
            self.calls -= 1
        self.looked_at(serving=serving)

    def looked_at(self, *, serving: bool) -> None:
        """Its health was asked for. One that serves again, or at last, may have other models than it listed before."""
        self.life += serving and not self.serving
        self.serving = serving

    def lost(self) -> None:
        """It could not be reached, or said that it does not serve: avoid it until its health is looked at again."""
        self.serving = False
        self.life += 1
        self.prefixes.clear()
