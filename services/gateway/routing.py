"""Which servers can answer a request.

One service may run several times, with the same models or with different ones. The servers' model lists are read now
and then and kept; a request that names a model can go to all that list it, one that names none to those whose default
for what is asked is the same as the first one's.
"""

import asyncio
import contextlib
import contextvars
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc
from serving.errors import NotConfigured, NotFound, QuadrilleError, Unavailable

from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica

Model = TypeVar("Model")
RECHECK_S = 1.0  # no list is read twice within it, whatever is asked for


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What routing needs to know of a model; capabilities are the contract's names in lower case."""

    id: str
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """Servers that can answer, and the model that they are to be asked for, empty for their default."""

    model: str
    replicas: tuple[Replica, ...]


def choose(
    listings: Mapping[str, Sequence[ModelEntry] | None], model: str, capability: str, option: str
) -> tuple[str, ...]:
    """The addresses that a request can be sent to, in the order given, at least one.

    `listings` maps each address, in order of preference, to its models, or to None when it cannot be reached;
    `option` would load another model.
    Raises NotFound for a model that nobody lists, NotConfigured when nobody has the capability, and Unavailable
    instead of both while an address that might have it cannot be reached.
    """
    if model:
        found = [
            address
            for address, entries in listings.items()
            if any(item.id == model for item in entries or ())
        ]
    else:
        able = {
            address: next((item.id for item in entries or () if capability in item.capabilities), None)
            for address, entries in listings.items()
        }
        default = next((name for name in able.values() if name is not None), None)
        found = [address for address, name in able.items() if name is not None and name == default]
    if found:
        return tuple(found)
    if any(entries is None for entries in listings.values()):
        raise Unavailable("a backend that may hold the model cannot be reached")
    if model:
        raise NotFound("model", model)
    raise NotConfigured(f"no loaded model can {capability}", f"add one that can to {option}")


@dataclass(frozen=True, slots=True)
class _Listing(Generic[Model]):
    """What a server answered, and when, in which of its lives."""

    models: Sequence[Model]
    entries: Sequence[ModelEntry]
    error: Exception | None
    read_at: float
    life: int


class Router(Generic[Model]):
    """Keeps the servers' model lists for `ttl_s` seconds and picks servers by them.

    `fallbacks` names, for a model, those that take its place while no server of it can be used; the name need not be
    a model's itself. `rename` makes a model of another name out of one.
    With one server and no fallback there is nothing to pick: requests go there unread, and it judges them.
    """

    def __init__(
        self,
        pool: Pool,
        fetch: Callable[[Replica], Awaitable[Sequence[Model]]],
        describe: Callable[[Model], ModelEntry],
        rename: Callable[[Model, str], Model],
        *,
        option: str,
        fallbacks: Mapping[str, Sequence[str]] | None = None,
        ttl_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pool = pool
        self._fetch = fetch
        self._describe = describe
        self._rename = rename
        self._option = option
        self._fallbacks = fallbacks or {}
        self._ttl_s = ttl_s
        self._clock = clock
        self._listings: dict[str, _Listing[Model]] = {}
        self._reads: dict[str, asyncio.Task[None]] = {}

    async def route(self, model: str, capability: str, without: Collection[Replica] = ()) -> Choice:
        """The servers for this model or, when it is empty, this capability; `without` are left aside."""
        replicas = self.pool.replicas
        if len(replicas) == 1 and model not in self._fallbacks:
            if replicas[0] in without:
                raise Unavailable("there is no other backend")
            return Choice(model, replicas)
        try:
            return self._choose(model, capability, self._fit(without))
        except (NotFound, Unavailable, NotConfigured):
            if without:
                raise
        # Nobody in good health has it. It may have been loaded since; or else one in bad health is better than none.
        await self.refresh(RECHECK_S)
        try:
            return self._choose(model, capability, self._fit(()))
        except Unavailable:
            return self._choose(model, capability, self._known())

    async def models(self) -> list[Model]:
        """The models of all servers that can be reached, each id once, then names that others stand in for.

        Raises what the first server raised when none can be reached.
        """
        await self.refresh()
        known = self._known()
        if not known:
            errors = (item.error for item in self._listings.values() if item.error is not None)
            raise next(errors, Unavailable("no backend has been reached yet"))
        merged: dict[str, Model] = {}
        for replica in known:
            for model in self._listings[replica.address].models:
                merged.setdefault(self._describe(model).id, model)
        for name, others in self._fallbacks.items():
            standing_in = next((merged[other] for other in others if other in merged), None)
            if name not in merged and standing_in is not None:
                merged[name] = self._rename(standing_in, name)
        return list(merged.values())

    async def refresh(self, older_than_s: float | None = None) -> None:
        """Read the lists that are older than that, by default than `ttl_s`, or from before their server was lost."""
        limit = self._ttl_s if older_than_s is None else older_than_s
        reads = [self._reading(item) for item in self.pool.replicas if self._is_stale(item, limit)]
        if reads:
            await asyncio.wait(reads)
        present = {item.address for item in self.pool.replicas}
        self._listings = {key: value for key, value in self._listings.items() if key in present}

    def _is_stale(self, replica: Replica, limit_s: float) -> bool:
        listing = self._listings.get(replica.address)
        if listing is None or listing.life != replica.life:
            return True
        # One that could not be read is soon tried again.
        limit_s = RECHECK_S if listing.error is not None else limit_s
        return self._clock() - listing.read_at >= limit_s

    def _reading(self, replica: Replica) -> asyncio.Task[None]:
        """The read of a server's list, one at a time, which all wait for.

        It is nobody's call: a caller who leaves, or has little time, takes nothing from the others.
        """
        address = replica.address
        if address not in self._reads:
            task = asyncio.create_task(self._read(replica), context=contextvars.Context())
            task.add_done_callback(lambda _: self._reads.pop(address))
            self._reads[address] = task
        return self._reads[address]

    async def _read(self, replica: Replica) -> None:
        life, models = replica.life, list[Model]()
        failed: Exception | None = None
        try:
            models += await self._fetch(replica)
        except (QuadrilleError, grpc.RpcError) as error:
            failed = error
        entries = [self._describe(model) for model in models]
        if failed is None:
            replica.models = frozenset(item.id for item in entries)
        self._listings[replica.address] = _Listing(models, entries, failed, self._clock(), life)

    def _known(self) -> list[Replica]:
        """Those whose list could be read."""
        read = ((item, self._listings.get(item.address)) for item in self.pool.replicas)
        return [item for item, listing in read if listing is not None and listing.error is None]

    def _fit(self, without: Collection[Replica]) -> list[Replica]:
        """Of those the ones that serve and haven't been lost or taken out since."""
        return [
            item
            for item in self._known()
            if item.serving
            and self._listings[item.address].life == item.life
            and item.ejection.admits
            and item not in without
        ]

    def _choose(self, model: str, capability: str, usable: Collection[Replica]) -> Choice:
        by_address = {item.address: item for item in self.pool.replicas}
        listings = {
            address: self._listings[address].entries if item in usable else None
            for address, item in by_address.items()
        }
        try:
            found, name = choose(listings, model, capability, self._option), model
        except (NotFound, Unavailable):
            found, name = (), ""
            able = {
                address: [item for item in entries or () if capability in item.capabilities]
                for address, entries in listings.items()
            }
            for name in self._fallbacks.get(model, ()):
                with contextlib.suppress(NotFound):
                    found = choose(able, name, capability, self._option)
                    break
            if not found:
                raise
        return Choice(name, tuple(by_address[address] for address in found))


class Sole:
    """Routes of a service that runs once."""

    def __init__(self, pool: Pool) -> None:
        self._replicas = pool.replicas

    async def route(self, model: str, capability: str, without: Collection[Replica] = ()) -> Choice:
        """That one; raises Unavailable when it is to be left aside."""
        if without:
            raise Unavailable("there is no other backend")
        return Choice(model, self._replicas)
