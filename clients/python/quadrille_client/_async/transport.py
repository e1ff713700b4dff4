"""One channel: deadlines, metadata, retries, typed errors."""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import grpc
import grpc.aio

from quadrille_client.errors import REQUEST_ID_KEY, from_rpc_error
from quadrille_client.retry import RetryPolicy
from quadrille_client.tls import Tls

NAME_KEY = "idempotency-key"  # metadata: what the caller calls a request
RESUME_KEY = "last-event-id"  # metadata: messages of its stream that the caller has
REPLAYED_KEY = (
    "idempotency-replayed"  # metadata of the answer: the gateway goes on with a request that it knows
)
_OPTIONS = [
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.enable_retries", 0),  # retried here, where the server's advice is read
]


def open_channel(address: str, tls: Tls | None) -> grpc.aio.Channel:
    """A channel to host:port."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    return grpc.aio.secure_channel(address, tls.credentials(), options=_OPTIONS)


@dataclass(frozen=True, slots=True)
class AsyncTransport:
    """How calls are made. `timeout` is in seconds, retries included; None is no deadline. `acting` is metadata.

    Raises ValueError for a key or a name that no header can carry.
    """

    channel: grpc.aio.Channel
    api_key: str | None
    timeout: float | None
    policy: RetryPolicy
    acting: tuple[tuple[str, str], ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if self.api_key and not re.fullmatch("[!-~]+", self.api_key):
            raise ValueError("api_key must be printable ASCII without spaces")
        if self.name and not re.fullmatch("[!-~]{1,255}", self.name):
            raise ValueError("a name must be 1 to 255 printable ASCII characters without spaces")

    def with_options(self, timeout: float | None, max_retries: int | None) -> "AsyncTransport":
        """The same channel under other options; None keeps what is."""
        policy = self.policy if max_retries is None else replace(self.policy, max_retries=max_retries)
        return replace(self, timeout=self.timeout if timeout is None else timeout, policy=policy)

    def deadline(self) -> float | None:
        """When a call that begins now must end, in seconds of `time.monotonic()`."""
        return None if self.timeout is None else time.monotonic() + self.timeout

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of a new call."""
        pairs = [(REQUEST_ID_KEY, str(uuid.uuid4()))]
        if self.api_key:
            pairs.append(("authorization", f"Bearer {self.api_key}"))
        if self.name:
            pairs.append((NAME_KEY, self.name))
        return (*pairs, *self.acting)

    async def unary(self, method: Callable[..., Any], request: Any) -> Any:
        """Call, retry when it is worth it, and raise a QuadrilleError when it failed for good."""
        deadline, metadata, attempt = self.deadline(), self.metadata(), 0
        while True:
            try:
                return await method(request, timeout=time_left(deadline), metadata=metadata)
            except grpc.RpcError as error:
                failure = from_rpc_error(error)
                delay = self.policy.delay_s(failure, attempt, time_left(deadline))
                if delay is None:
                    raise failure from error
            await asyncio.sleep(delay)
            attempt += 1


def time_left(deadline: float | None) -> float | None:
    """Seconds until a deadline, never negative."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())
