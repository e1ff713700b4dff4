"""The door: every request enters by its key's limits, every piece of work waits for its turn. One event loop's."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial

from serving.call import Call, Principal, current_call
from serving.errors import Overloaded, QuadrilleError

from gateway.admission import refusals
from gateway.admission.accounts import Accounts, Allowance, Moment
from gateway.admission.cost import Cost
from gateway.admission.fair_queue import Request
from gateway.admission.fairness import FairnessWindow
from gateway.admission.forecast import OutputLength
from gateway.admission.metrics import AdmissionMetrics
from gateway.admission.pool import Pool, PoolLimits
from gateway.admission.ticket import Ticket
from gateway.audit.spending import spend

_DAY_S = 86_400.0


class Gate:
    """Admits requests and work, over the pure parts beside it.

    `serving` says whether a pool has anybody to serve it; work is only made to wait where it has.
    """

    def __init__(
        self,
        pools: Mapping[str, PoolLimits],
        accounts: Accounts,
        metrics: AdmissionMetrics,
        *,
        serving: Callable[[str], bool] = lambda pool: True,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pools = {name: Pool(name, limits) for name, limits in pools.items()}
        self._windows = {name: FairnessWindow() for name in pools}
        self._outputs = {name: OutputLength() for name in pools}
        self._accounts = accounts
        self._metrics = metrics
        self._serving = serving
        self._clock = clock
        self._today = today
        self._turns: dict[Request, asyncio.Future[None]] = {}
        metrics.begin(pools)
        for name in pools:
            metrics.fairness.labels(name).set_function(partial(self.fairness, name))

    @contextmanager
    def entered(self, principal: Principal) -> Iterator[None]:
        """Surrounds a request; raises Overloaded where its key or its tenant has too many."""
        try:
            accounts = self._accounts.enter(principal, self._moment())
        except Overloaded as error:
            self._metrics.refused.labels(error.reason).inc()
            raise
        try:
            yield
        finally:
            self._accounts.leave(accounts)

    def left(self, principal: Principal) -> tuple[Allowance | None, Allowance | None]:
        """What a caller has left of its requests and of its tokens a minute; None where there is no limit."""
        return self._accounts.left(principal, self._clock())

    def output(self, pool: str) -> OutputLength:
        """What is known of the length of answers."""
        return self._outputs[pool]

    def fairness(self, pool: str) -> float:
        """Jain's index over the last minute."""
        return self._windows[pool].index(self._pools[pool].queue.backlogs(), self._clock())

    @asynccontextmanager
    async def admitted(self, pool: str, expected: Cost, priority: int | None = None) -> AsyncIterator[Ticket]:
        """Surrounds work of the current call, from its turn on; `priority` is among its tenant's own.

        Raises Overloaded, Unavailable or DeadlineUnreachable, each with a reason, before any work is done.
        """
        call, begun = current_call(), self._moment()
        try:
            self._accounts.reserve(call.principal, expected.tokens, begun)
        except Overloaded as error:
            self._metrics.refused.labels(error.reason).inc()
            raise
        request = _request(call, expected, priority or 0, begun.now)
        try:
            await self._turn(self._pools[pool], request)
        except BaseException:
            self._accounts.correct(call.principal, -expected.tokens, begun)
            raise
        ticket = Ticket(expected, lambda cost: self._charge(pool, request, call.principal, cost, begun))
        self._windows[pool].served(request.tenant, expected.units, request.weight, self._clock())
        try:
            yield ticket
            ticket.complete = True
        finally:
            ticket.close()
            tenant = self._metrics.tenant(request.tenant)
            self._metrics.tokens.labels(tenant).inc(ticket.charged.tokens)
            spend(ticket.charged.tokens)
            self._pools[pool].finish(request, self._clock(), well=ticket.complete, done=ticket.done)
            self._next(self._pools[pool])

    async def _turn(self, pool: Pool, request: Request) -> None:
        now = self._clock()
        try:
            if pool.full and not self._serving(pool.name):
                raise refusals.no_backend(pool.name)
            gone = pool.offer(request, now)
        except QuadrilleError as error:
            self._refused(pool, request, error)
            raise
        for victim in gone:
            self._turns[victim].set_exception(refusals.evicted(pool.name, pool.wait_s(victim, now)))
        turn = self._turns[request] = asyncio.get_running_loop().create_future()
        self._next(pool)
        try:
            if not turn.done():
                await self._wait(pool, request, turn, now)
            turn.result()
        except QuadrilleError as error:
            self._refused(pool, request, error)
            raise
        except asyncio.CancelledError:
            self._metrics.decisions.labels(pool.name, "CANCELLED").inc()
            raise
        finally:
            del self._turns[request]
            self._show(pool)
        self._metrics.decisions.labels(pool.name, "STARTED").inc()
        self._metrics.wait_seconds.labels(pool.name).observe(self._clock() - now)

    async def _wait(self, pool: Pool, request: Request, turn: "asyncio.Future[None]", now: float) -> None:
        """Until the turn has come, or it is known that it won't; whoever leaves meanwhile gives all back."""
        patience_s = pool.patience_s(request, now)
        try:
            async with asyncio.timeout(patience_s):
                await asyncio.shield(turn)
        except TimeoutError:
            if not turn.done():
                pool.withdraw(request)
                raise self._gave_up(pool, request, patience_s) from None
        except asyncio.CancelledError:
            if request.started is not None:  # its turn had come at the same moment
                pool.charge(request, -request.cost.units, self._clock())
                pool.finish(request, self._clock(), well=False)
                self._next(pool)
            elif not turn.done():
                pool.withdraw(request)
            raise

    def _gave_up(self, pool: Pool, request: Request, waited_s: float) -> QuadrilleError:
        if waited_s < pool.limits.longest_wait_s:
            return refusals.deadline(pool.name)
        return refusals.too_long(pool.name, pool.limits.longest_wait_s, pool.wait_s(request, self._clock()))

    def _next(self, pool: Pool) -> None:
        for request in pool.start(self._clock()):
            if request.started is None:
                self._turns[request].set_exception(refusals.deadline(pool.name))
            else:
                self._turns[request].set_result(None)
        self._show(pool)

    def _charge(
        self, pool: str, request: Request, principal: Principal, difference: Cost, begun: Moment
    ) -> None:
        self._pools[pool].charge(request, difference.units, self._clock())
        # What is given back belongs to the day that it was taken from.
        at = self._moment() if difference.tokens > 0 else begun
        self._accounts.correct(principal, difference.tokens, at)
        self._windows[pool].served(request.tenant, difference.units, request.weight, self._clock())

    def _refused(self, pool: Pool, request: Request, error: QuadrilleError) -> None:
        self._metrics.decisions.labels(pool.name, error.reason).inc()
        self._windows[pool.name].refused(request.tenant, request.cost.units, request.weight, self._clock())

    def _show(self, pool: Pool) -> None:
        self._metrics.running.labels(pool.name).set(pool.running)
        self._metrics.waiting.labels(pool.name).set(len(pool.queue))
        self._metrics.waiting_units.labels(pool.name).set(pool.queue.units)

    def _moment(self) -> Moment:
        today = self._today()
        passed_s = (today.hour * 60 + today.minute) * 60 + today.second + today.microsecond / 1e6
        return Moment(self._clock(), today.toordinal(), _DAY_S - passed_s)


def _request(call: Call, expected: Cost, priority: int, now: float) -> Request:
    principal, standing = call.principal, call.principal.standing
    return Request(
        principal.tenant, expected, now, standing.priority, standing.weight, priority, call.deadline
    )
