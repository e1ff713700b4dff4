"""What surrounds every call, outermost first: metrics, errors, drain and limits, tracing, identity."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import grpc
import structlog
from opentelemetry import trace

from serving.auth import KeyStore, bearer, require, scope_of
from serving.call import REQUEST_ID_KEY, TENANT_KEY, Call, enter_call
from serving.errors import DeadlineUnreachable, Overloaded, QuadrilleError, Unavailable
from serving.interceptor import Incoming
from serving.metrics import RpcMetrics
from serving.status import backend_trailers, code_of, trailers_of
from serving.tracing import incoming_context

log = structlog.get_logger(__name__)


class Metered:
    """Counts and times calls; what ended by cancellation is told apart from what ran out of time."""

    def __init__(self, metrics: RpcMetrics) -> None:
        self._metrics = metrics

    @contextlib.asynccontextmanager
    async def __call__(self, incoming: Incoming) -> AsyncIterator[None]:
        """Observe one call."""
        method, started = incoming.method, time.monotonic()
        self._metrics.started.labels(method).inc()
        code = "OK"
        try:
            yield
        except asyncio.CancelledError:
            late = incoming.deadline is not None and time.monotonic() >= incoming.deadline
            code = "DEADLINE_EXCEEDED" if late else "CANCELLED"
            raise
        except BaseException:
            code = _code_name(incoming.context.code())
            raise
        finally:
            self._metrics.handled.labels(method, code).inc()
            self._metrics.seconds.labels(method).observe(time.monotonic() - started)


class RichErrors:
    """Turns exceptions into google.rpc.Status; the text of an unexpected one never leaves the process."""

    @contextlib.asynccontextmanager
    async def __call__(self, incoming: Incoming) -> AsyncIterator[None]:
        """Translate what one call raises."""
        context = incoming.context
        # In the trailers, because initial metadata would commit the call and forbid gRPC a retry.
        context.set_trailing_metadata(((REQUEST_ID_KEY, incoming.request_id),))
        try:
            yield
        except QuadrilleError as error:
            await context.abort(code_of(error), error.message, trailers_of(error, incoming.request_id))
        except grpc.aio.AioRpcError as error:  # a backend's answer, passed on as it is
            await context.abort(
                error.code(), error.details() or "", backend_trailers(error, incoming.request_id)
            )
        except grpc.aio.AbortError:
            raise
        except Exception:
            log.exception("unexpected_error", method=incoming.method, request_id=incoming.request_id)
            unexpected = QuadrilleError("internal error; the server's log has it under this request id")
            await context.abort(
                code_of(unexpected), unexpected.message, trailers_of(unexpected, incoming.request_id)
            )


class Admission:
    """Counts running calls; refuses above the limit and while draining; can wait until all are done."""

    def __init__(self, metrics: RpcMetrics, limit: int) -> None:
        self._metrics = metrics
        self._limit = limit
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    @contextlib.asynccontextmanager
    async def __call__(self, incoming: Incoming) -> AsyncIterator[None]:
        """Admit one call, or raise Unavailable or Overloaded."""
        if self.draining:
            raise Unavailable("this server is shutting down")
        if self._running >= self._limit:
            raise Overloaded(
                f"{self._limit} calls are running, the most this server takes", retry_after_s=1.0
            )
        if incoming.deadline is not None and incoming.deadline <= time.monotonic():
            raise DeadlineUnreachable("the deadline passed before the call began")
        self._running += 1
        self._idle.clear()
        self._metrics.in_flight.set(self._running)
        try:
            yield
        finally:
            self._running -= 1
            self._metrics.in_flight.set(self._running)
            if not self._running:
                self._idle.set()

    async def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no call runs; False when some still do after `timeout_s`."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


class Traced:
    """A span a call, in the caller's trace when its metadata name one."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("quadrille.serving")

    @contextlib.asynccontextmanager
    async def __call__(self, incoming: Incoming) -> AsyncIterator[None]:
        """Trace one call."""
        service, _, method = incoming.method.removeprefix("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        with self._tracer.start_as_current_span(
            f"{service}/{method}",
            context=incoming_context(incoming.metadata),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
        ) as span:
            try:
                yield
            except QuadrilleError as error:
                span.set_attribute("error.type", error.reason)
                raise


class Identified:
    """Authenticates the caller, checks the scope, and makes the call known to all that it runs."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    @contextlib.asynccontextmanager
    async def __call__(self, incoming: Incoming) -> AsyncIterator[None]:
        """Enter one call, or raise Unauthenticated or PermissionDenied."""
        metadata = incoming.metadata
        principal = self._keys.authenticate(bearer(metadata.get("authorization")), metadata.get(TENANT_KEY))
        require(principal, scope_of(incoming.method))
        enter_call(Call(incoming.method, incoming.request_id, principal, incoming.deadline))
        yield


def _code_name(code: object) -> str:
    if isinstance(code, grpc.StatusCode):
        return code.name
    by_number = {status.value[0]: status.name for status in grpc.StatusCode}
    return by_number.get(code, "UNKNOWN") if isinstance(code, int) else "UNKNOWN"
