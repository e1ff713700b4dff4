"""The client."""

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from quadrille_client import delegation, health
from quadrille_client._async.images import AsyncImages
from quadrille_client._async.ingest import AsyncIngestCalls
from quadrille_client._async.loras import AsyncLoras
from quadrille_client._async.reembed import AsyncReembedCalls
from quadrille_client._async.retrieval import AsyncAdmin, AsyncCollections, AsyncDocuments
from quadrille_client._async.transport import AsyncTransport, open_channel
from quadrille_client.retry import RetryPolicy
from quadrille_client.tls import Tls


class AsyncClient(AsyncReembedCalls, AsyncIngestCalls):
    """Client of a gateway, or of one service; one channel, for as many calls at once as you like.

    `timeout` (seconds, retries included) becomes each call's deadline; None is none. Failed calls raise
    `quadrille_client.QuadrilleError`.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50050",
        *,
        api_key: str | None = None,
        tls: Tls | None = None,
        timeout: float | None = 60.0,
        max_retries: int = 2,
    ) -> None:
        channel = open_channel(address, tls)
        self._use(AsyncTransport(channel, api_key, timeout, RetryPolicy(max_retries)))

    def acting_for(self, principal: str, groups: Sequence[str] = (), *, tenant: str = "") -> Self:
        """A client over the same channel whose calls are made as somebody else's, for documents that not all may read.

        It takes a key with the scope "delegate"; the scopes "admin" and "delegate" are then left aside.
        """
        other = object.__new__(type(self))
        other._use(replace(self._transport, acting=delegation.metadata(principal, groups, tenant)))
        return other

    def named(self, name: str) -> Self:
        """A client over the same channel whose next call is the request of that name, whenever it is made.

        A gateway does a named request once: made again with the same arguments, while it runs or soon after, it gets
        the same answer. Streams that break are resumed where they broke; one that is left goes on for a while.
        """
        other = object.__new__(type(self))
        other._use(replace(self._transport, name=name))
        return other

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """A client over the same channel with other options; what is left out stays as it is."""
        other = object.__new__(type(self))
        other._use(self._transport.with_options(timeout, max_retries))
        return other

    async def is_serving(self, service: str = "") -> bool:
        """Whether a service says SERVING; "" is the whole server. Raises NotFoundError for an unknown one."""
        check = self._transport.channel.unary_unary(health.CHECK, bytes, bytes)
        return health.is_serving(await self._transport.unary(check, health.request(service)))

    async def close(self) -> None:
        """Close the channel; running calls end."""
        channel: Any = self._transport.channel  # its types ask for a grace period that has a default
        await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.images = AsyncImages(transport)
        self.collections = AsyncCollections(transport)
        self.documents = AsyncDocuments(transport)
        self.admin = AsyncAdmin(transport)
        self.loras = AsyncLoras(transport)
