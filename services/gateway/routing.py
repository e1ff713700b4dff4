"""Which backend a model is served by.

One service may run several times with different models. The backends' model lists are read now and then and kept;
a request that names a model goes to the first backend that lists it, one that names none to the first backend whose
models can do what is asked.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from serving.errors import NotConfigured, NotFound, QuadrilleError, Unavailable

Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What routing needs to know of a model; capabilities are the contract's names in lower case."""

    id: str
    capabilities: frozenset[str]


def choose(
    listings: Mapping[str, Sequence[ModelEntry] | None], model: str, capability: str, option: str
) -> str:
    """The address to send a request to.

    `listings` maps each address, in order of preference, to its models, or to None when it cannot be reached;
    `option` would load another model.
    Raises NotFound for a model that nobody lists, NotConfigured when nobody has the capability, and Unavailable
    instead of both while an address that might have it cannot be reached.
    """
    for address, entries in listings.items():
        for entry in entries or ():
            if entry.id == model if model else capability in entry.capabilities:
                return address
    if any(entries is None for entries in listings.values()):
        raise Unavailable("a backend that may hold the model cannot be reached")
    if model:
        raise NotFound("model", model)
    raise NotConfigured(f"no loaded model can {capability}", f"add one that can to {option}")


class Router(Generic[Model]):
    """Keeps the backends' model lists for `ttl_s` seconds and picks backends by them.

    With one address there is nothing to pick: requests go there unread, and the backend judges them.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        fetch: Callable[[str], Awaitable[Sequence[Model]]],
        describe: Callable[[Model], ModelEntry],
        *,
        option: str,
        ttl_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.addresses = tuple(addresses)
        self._fetch = fetch
        self._describe = describe
        self._option = option
        self._ttl_s = ttl_s
        self._clock = clock
        self._lists: dict[str, Sequence[Model]] = {}
        self._errors: dict[str, QuadrilleError] = {}
        self._read_at: float | None = None
        self._lock = asyncio.Lock()

    async def route(self, model: str, capability: str) -> str:
        """The address that serves this model or, when it is empty, this capability."""
        if len(self.addresses) == 1:
            return self.addresses[0]
        await self._refresh()
        try:
            return choose(self._entries(), model, capability, self._option)
        except (NotFound, Unavailable):  # it may have been loaded since
            self.forget()
            await self._refresh()
            return choose(self._entries(), model, capability, self._option)

    async def models(self) -> list[Model]:
        """The models of all backends that can be reached, each id once.

        Raises what the first backend raised when none can be reached.
        """
        await self._refresh()
        if not self._lists:
            raise next(iter(self._errors.values()))
        merged: dict[str, Model] = {}
        for address in self.addresses:
            for model in self._lists.get(address, ()):
                merged.setdefault(self._describe(model).id, model)
        return list(merged.values())

    def forget(self) -> None:
        """Read the lists anew before the next answer; called when a backend was lost."""
        self._read_at = None

    async def _refresh(self) -> None:
        async with self._lock:
            if self._read_at is not None and self._clock() - self._read_at < self._ttl_s:
                return
            results = await asyncio.gather(*map(self._read, self.addresses))
            self._lists = _present((address, models) for address, models, _ in results)
            self._errors = _present((address, error) for address, _, error in results)
            self._read_at = None if self._errors else self._clock()

    async def _read(self, address: str) -> tuple[str, Sequence[Model] | None, QuadrilleError | None]:
        try:
            return address, await self._fetch(address), None
        except QuadrilleError as error:
            return address, None, error

    def _entries(self) -> dict[str, Sequence[ModelEntry] | None]:
        return {
            address: [self._describe(model) for model in self._lists[address]]
            if address in self._lists
            else None
            for address in self.addresses
        }


_Value = TypeVar("_Value")


def _present(pairs: Iterable[tuple[str, _Value | None]]) -> dict[str, _Value]:
    return {key: value for key, value in pairs if value is not None}
