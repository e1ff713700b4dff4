"""The client."""

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from quadrille_client import delegation, health
from quadrille_client._sync.images import Images
from quadrille_client._sync.ingest import IngestCalls
from quadrille_client._sync.loras import Loras
from quadrille_client._sync.reembed import ReembedCalls
from quadrille_client._sync.retrieval import Admin, Collections, Documents
from quadrille_client._sync.transport import Transport, open_channel
from quadrille_client.retry import RetryPolicy
from quadrille_client.tls import Tls


class Client(ReembedCalls, IngestCalls):
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
        self._use(Transport(channel, api_key, timeout, RetryPolicy(max_retries)))

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

    def is_serving(self, service: str = "") -> bool:
        """Whether a service says SERVING; "" is the whole server. Raises NotFoundError for an unknown one."""
        check = self._transport.channel.unary_unary(health.CHECK, bytes, bytes)
        return health.is_serving(self._transport.unary(check, health.request(service)))

    def close(self) -> None:
        """Close the channel; running calls end."""
        channel: Any = self._transport.channel  # its types ask for a grace period that has a default
        channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.images = Images(transport)
        self.collections = Collections(transport)
        self.documents = Documents(transport)
        self.admin = Admin(transport)
        self.loras = Loras(transport)
