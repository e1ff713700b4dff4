"""The places of a pool: who holds them, since when, and beside how many others. Times are in seconds."""

from dataclasses import dataclass, field

from gateway.admission.fair_queue import Request


@dataclass(slots=True)
class Places:
    """Those who run."""

    _held: dict[Request, tuple[float, float]] = field(default_factory=dict)  # since when; `_beside` then
    _of: dict[str, int] = field(default_factory=dict)
    _beside: float = 0.0  # how many ran, over time
    _at: float = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def of(self, tenant: str) -> int:
        """How many a tenant holds."""
        return self._of.get(tenant, 0)

    def take(self, request: Request, now: float) -> None:
        """Begin to run."""
        self._age(now)
        request.started = now
        self._held[request] = (now, self._beside)
        self._of[request.tenant] = self.of(request.tenant) + 1

    def give_back(self, request: Request, now: float) -> tuple[float, float]:
        """Run no more. How long it ran, and how many did meanwhile on average, itself among them."""
        self._age(now)
        ran = float(len(self))
        started, beside = self._held.pop(request)
        took_s = now - started
        if took_s > 0:
            ran = (self._beside - beside) / took_s
        self._of[request.tenant] -= 1
        if not self._of[request.tenant]:
            del self._of[request.tenant]
        return took_s, max(1.0, ran)

    def left_s(self, unit_s: float, now: float) -> list[float]:
        """When each becomes free, from now on, if a unit of cost takes so long."""
        held = self._held.items()
        return [
            end if (end := since + one.cost.units * unit_s - now) > 0 else 0.0 for one, (since, _) in held
        ]

    def _age(self, now: float) -> None:
        self._beside += len(self._held) * max(0.0, now - self._at)
        self._at = max(now, self._at)
