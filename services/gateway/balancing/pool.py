"""The servers of one kind."""

from collections.abc import Callable, Iterable, Sequence

from gateway.balancing.replica import Replica

# Makes a replica of an address; the second argument is the name that its certificate must have, None for the address'.
Connect = Callable[[str, str | None], Replica]


class Pool:
    """Replicas by the addresses of the configuration, each of which is one server or a name of several."""

    def __init__(self, addresses: Iterable[str], connect: Connect) -> None:
        self._connect = connect
        self._groups: dict[str, tuple[Replica, ...]] = {
            address: (connect(address, None),) for address in addresses
        }
        self._retired: list[Replica] = []
        self.replicas: tuple[Replica, ...] = ()
        self._gather()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of the configuration."""
        return tuple(self._groups)

    @property
    def serves(self) -> bool:
        """Whether any of them serves, as far as is known."""
        return any(replica.serving for replica in self.replicas)

    def update(self, address: str, endpoints: Sequence[str], name: str | None = None) -> None:
        """An address of the configuration is now these servers, of a name; what is known of those that stay is kept."""
        there = {replica.address: replica for replica in self._groups[address]}
        if tuple(there) == tuple(endpoints):
            return
        kept = [there.pop(item) if item in there else self._connect(item, name) for item in endpoints]
        self._groups[address] = tuple(kept)
        self._retired += there.values()
        self._gather()

    def covered(self) -> bool:
        """Whether everything that could be asked for still can: what is down is served by others."""
        serving = [replica.models or frozenset() for replica in self.replicas if replica.serving]
        served = frozenset[str]().union(*serving)
        down = [replica.models for replica in self.replicas if not replica.serving]
        return bool(serving) and all(models is not None and models <= served for models in down)

    async def sweep(self) -> None:
        """Close the channels of servers that are gone and whose last call has ended."""
        done = [replica for replica in self._retired if not replica.calls]
        self._retired = [replica for replica in self._retired if replica.calls]
        for replica in done:
            await replica.channel.close(None)

    async def close(self) -> None:
        """Close all channels, whatever runs."""
        for replica in (*self._every(), *self._retired):
            await replica.channel.close(None)

    def _gather(self) -> None:
        found: dict[str, Replica] = {}
        for replica in self._every():
            found.setdefault(replica.address, replica)
        self.replicas = tuple(found.values())

    def _every(self) -> list[Replica]:
        return [replica for group in self._groups.values() for replica in group]
