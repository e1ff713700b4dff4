"""Sends calls to servers: picks one for each, and another when the first gives no answer."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from types import TracebackType
from typing import Any, Protocol, TypeVar

import grpc
import structlog
from serving.errors import Overloaded, QuadrilleError

from gateway.adapters.errors import domain_error
from gateway.balancing.budget import RetryBudget
from gateway.balancing.picking import pick
from gateway.balancing.replica import Replica
from gateway.balancing.work import Load, Work
from gateway.metrics import GatewayMetrics
from gateway.routing import Choice

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")
MAX_ATTEMPTS = 3
# A server that is gone, or says that it does not serve. Cut connections show as either.
_LOST = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_FAULTS = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})


class Routes(Protocol):
    """Says which servers can answer."""

    async def route(self, model: str, capability: str, without: Collection[Replica] = ()) -> Choice:
        """At least one server; domain errors when there is none."""
        ...


class Lease:
    """One call to one server, counted there from its beginning to its end.

    `model` is the one to ask for, empty for the server's default. As a context manager it learns from what is raised
    within: a caller who leaves tells nothing about the server.
    """

    def __init__(self, replica: Replica, model: str, load: Load, ejected: Callable[[Replica], None]) -> None:
        self.replica = replica
        self.model = model
        self._cost = load.cost
        self._ejected = ejected
        replica.calls += 1
        replica.outstanding += load.cost
        replica.prefixes.add(load.blocks)
        self._trial = replica.ejection.begun()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        replica = self.replica
        replica.calls -= 1
        replica.outstanding -= self._cost
        fine: bool | None = None
        if error is None:
            fine = True
        elif isinstance(error, grpc.aio.AioRpcError):
            code = error.code()
            fine = code not in _LOST and code not in _FAULTS
            if code in _LOST:
                if replica.serving:  # the first call that finds out tells why
                    log.warning("server_lost", server=replica.probe.name, code=code.name, why=error.details())
                replica.lost()
        if replica.ejection.ended(fine, self._trial):
            self._ejected(replica)


class Balancer:
    """Calls of one kind of service.

    A call whose server is lost, or has too much to do, goes to another, before the first message of the answer only, to
    three servers at most and within the retry budget.
    """

    def __init__(self, routes: Routes, metrics: GatewayMetrics, budget: RetryBudget | None = None) -> None:
        self._routes = routes
        self._metrics = metrics
        self._budget = budget or RetryBudget()
        self._picks = 0

    async def unary(self, work: Work, send: Callable[[Lease], Awaitable[Answer]]) -> Answer:
        """The answer of a call that has one, which `send` makes. Raises AioRpcError as the last server gave it."""
        tried: list[Replica] = []
        lease = await self._first(work)
        while True:
            tried.append(lease.replica)
            try:
                with lease:
                    return await send(lease)
            except grpc.aio.AioRpcError as error:
                lease = await self._next(work, tried, error)

    async def stream(self, work: Work, send: Callable[[Lease], Any]) -> AsyncGenerator[Any, None]:
        """The messages of a call that answers with a stream, which `send` begins; closing this cancels it."""
        tried: list[Replica] = []
        lease = await self._first(work)
        while True:
            tried.append(lease.replica)
            begun = False
            try:
                with lease:
                    call = send(lease)
                    try:
                        async for message in call:
                            begun = True
                            yield message
                    finally:
                        call.cancel()
                return
            except grpc.aio.AioRpcError as error:
                if begun:
                    raise
                lease = await self._next(work, tried, error)

    async def everywhere(self, work: Work, send: Callable[[Lease], Awaitable[Answer]]) -> Answer:
        """Have every server that could be picked answer, one after another: what changes them changes them all.

        The first one's answer, or the first error that any gave, once all were asked.
        """
        answers, errors = list[Answer](), list[grpc.aio.AioRpcError]()
        choice = await self._routes.route(work.model, work.capability)
        for replica in choice.replicas:
            try:
                with self._lease(replica, choice.model, Load()) as lease:
                    answers.append(await send(lease))
            except grpc.aio.AioRpcError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return answers[0]

    async def _first(self, work: Work) -> Lease:
        lease = self._pick(work, await self._routes.route(work.model, work.capability))
        self._budget.called()
        return lease

    async def _next(self, work: Work, tried: list[Replica], error: grpc.aio.AioRpcError) -> Lease:
        """A lease of another server, or the error again."""
        if not work.repeatable or len(tried) >= MAX_ATTEMPTS or not _may_go_elsewhere(error):
            raise error
        try:
            choice = await self._routes.route(work.model, work.capability, tried)
        except QuadrilleError:
            raise error from None
        paid = self._budget.take()
        self._metrics.retries.labels("made" if paid else "over_budget").inc()
        if not paid:
            raise error
        return self._pick(work, choice)

    def _pick(self, work: Work, choice: Choice) -> Lease:
        load = work.weigh() if len(choice.replicas) > 1 else Load()
        replica = pick(choice.replicas, load)
        self._picks += 1
        replica.last_pick = self._picks
        if choice.model != work.model:
            self._metrics.fallbacks.labels(work.model).inc()
        return self._lease(replica, choice.model, load)

    def _lease(self, replica: Replica, model: str, load: Load) -> Lease:
        return Lease(replica, model, load, lambda lost: self._metrics.ejections.labels(lost.probe.name).inc())


def _may_go_elsewhere(error: grpc.aio.AioRpcError) -> bool:
    return error.code() in _LOST or isinstance(domain_error(error, ""), Overloaded)
