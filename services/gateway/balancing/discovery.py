"""Finds the servers behind names that stand for several, as headless services and Compose's scaled ones do."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import structlog

from gateway.balancing.pool import Pool

log = structlog.get_logger(__name__)
# The IP addresses of a host name; raises OSError when it has none, UnicodeError for what can be no name.
Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def resolve(host: str) -> Sequence[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Discovery:
    """Resolves the names in pools once an interval.

    A name with several addresses of one family is several servers. One with a single address is left to its channel,
    which knows all families and resolves it anew when the connection is lost.
    """

    def __init__(self, pools: Sequence[Pool], interval_s: float, resolve: Resolve = resolve) -> None:
        self._names = [(pool, address, *_split(address)) for pool in pools for address in pool.addresses]
        self._pools = pools
        self._interval_s = interval_s
        self._resolve = resolve

    async def look(self) -> None:
        """Look once. A name that cannot be resolved keeps the servers that it had."""
        for pool in self._pools:  # first: who was told of a server that goes now may still begin a call
            await pool.sweep()
        for pool, address, host, port in self._names:
            if not host:
                continue
            try:
                found = _several(await self._resolve(host))
            except (OSError, UnicodeError) as error:
                log.warning("name_not_resolved", host=host, error=str(error))
                continue
            if found:
                pool.update(address, [f"{item}:{port}" for item in found], host)
            else:
                pool.update(address, [address])

    async def run(self) -> None:
        """Look forever."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)


def _split(address: str) -> tuple[str, str]:
    """Host and port of "host:port"; an empty host for what is no name: an IP address, or a target of another scheme."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or any(mark in host for mark in ":/["):
        return "", ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host, port
    return "", ""


def _several(addresses: Sequence[str]) -> list[str]:
    """The addresses of the one family that has several, in order, IPv4 first; empty when none has."""
    families = (
        sorted({item for item in addresses if ":" not in item}),
        sorted({f"[{item}]" for item in addresses if ":" in item}),
    )
    return next((family for family in families if len(family) > 1), [])
