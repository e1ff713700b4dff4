"""The gateway's own queues, as its metrics tell them now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

_LIMITED = "quadrille_gateway_limited_total"
_DECIDED = "quadrille_gateway_admission_total"
_COUNTS = {"quadrille_gateway_pool_running": "running", "quadrille_gateway_pool_waiting": "waiting"}
_LET_BE = frozenset({"STARTED", "CANCELLED"})  # outcomes that are no refusals


@dataclass(slots=True)
class Queue:
    """One kind of work: what runs in how many places, what waits, and what has been refused until now."""

    places: int
    running: int = 0
    waiting: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Queues:
    """All kinds by name; `limited` is what limits of keys and tenants have refused until now."""

    pools: Mapping[str, Queue]
    limited: int


def queues(registry: CollectorRegistry, places: Mapping[str, int]) -> Queues:
    """The queues that a registry tells of; `places` says how much of each kind may run."""
    pools, limited = {name: Queue(count) for name, count in places.items()}, 0
    for name, labels, value in _samples(registry):
        if name == _LIMITED:
            limited += value
        elif name in _COUNTS:
            setattr(pools[labels["pool"]], _COUNTS[name], value)
        elif labels["outcome"] not in _LET_BE:
            pools[labels["pool"]].refused += value
    return Queues(pools, limited)


def _samples(registry: CollectorRegistry) -> Iterator[tuple[str, Mapping[str, str], int]]:
    for family in registry.restricted_registry((_LIMITED, _DECIDED, *_COUNTS)).collect():
        for sample in family.samples:
            yield sample.name, sample.labels, int(sample.value)
