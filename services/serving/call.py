"""The call in progress: who asks, under which id, until when."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from serving.limits import FREE, Standing

REQUEST_ID_KEY = "x-request-id"  # metadata: the call's id, made by the server when the caller gives none
TENANT_KEY = "quadrille-tenant"  # metadata: the tenant acted for, by keys with the scope "delegate"
SCOPES = frozenset({"text", "image", "retrieval", "gateway", "admin", "delegate"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. A tenant owns collections; scopes are the packages that may be called; groups share documents.

    `standing` is what the gateway holds them to.
    """

    name: str = "anonymous"
    tenant: str = "default"
    scopes: frozenset[str] = SCOPES
    groups: frozenset[str] = frozenset()
    standing: Standing = FREE


@dataclass(frozen=True, slots=True)
class Call:
    """Facts of one rpc; `deadline` is in seconds of `time.monotonic()`, None when the caller set none."""

    method: str = ""
    request_id: str = ""
    principal: Principal = field(default_factory=Principal)
    deadline: float | None = None

    def time_left(self) -> float | None:
        """Seconds until the deadline, never negative; None when there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


_current: ContextVar[Call] = ContextVar("quadrille_call")
_OUTSIDE = Call()


def current_call() -> Call:
    """The call in progress; outside of one, an anonymous call without id or deadline."""
    return _current.get(_OUTSIDE)


def enter_call(call: Call) -> None:
    """Make `call` the current one of this task. Each rpc has a task of its own, so nothing is reset."""
    _current.set(call)
