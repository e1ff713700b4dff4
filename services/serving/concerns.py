"""What surrounds every call, outermost first: metrics, errors, drain and limits, tracing, identity."""

import asyncio
import contextlib
import functools
import time

import grpc
import structlog
from opentelemetry import trace

from serving.auth import KeyStore, bearer, require, scope_of
from serving.call import REQUEST_ID_KEY, Call, enter_call
from serving.delegation import acting_for
from serving.errors import DeadlineUnreachable, Overloaded, QuadrilleError, ReaderStalled, Unavailable
from serving.interceptor import Incoming, Proceed, T
from serving.metrics import RpcMetrics
from serving.status import backend_trailers, code_of, trailers_of
from serving.tracing import incoming_context, names_a_trace

log = structlog.get_logger(__name__)
_PARTING_S = 5.0  # that a stalled reader gets to take its call's status


class Metered:
    """Counts and times calls; what ended by cancellation is told apart from what ran out of time."""

    def __init__(self, metrics: RpcMetrics) -> None:
        # Looked up once: methods and codes are few, and labels cost more than counting.
        self._started = functools.cache(metrics.started.labels)
        self._handled = functools.cache(metrics.handled.labels)
        self._seconds = functools.cache(metrics.seconds.labels)

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
        """Observe one call."""
        method, started = incoming.method, time.monotonic()
        self._started(method).inc()
        code = "OK"
        try:
            return await proceed()
        except BaseException as error:
            code = outcome_of(incoming, error)
            raise
        finally:
            self._handled(method, code).inc()
            self._seconds(method).observe(time.monotonic() - started)


class RichErrors:
    """Turns exceptions into google.rpc.Status; the text of an unexpected one never leaves the process."""

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
        """Translate what one call raises."""
        context = incoming.context
        # In the trailers, because initial metadata would commit the call and forbid gRPC a retry.
        context.set_trailing_metadata(((REQUEST_ID_KEY, incoming.request_id),))
        try:
            return await proceed()
        except ReaderStalled as error:  # to be read when it goes on reading, but it may never
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PARTING_S):
                    await context.abort(
                        code_of(error), error.message, trailers_of(error, incoming.request_id)
                    )
            raise grpc.aio.AbortError from error
        except QuadrilleError as error:
            await context.abort(code_of(error), error.message, trailers_of(error, incoming.request_id))
            raise  # never: `abort` has raised
        except grpc.aio.AioRpcError as error:  # a backend's answer, passed on as it is
            await context.abort(
                error.code(), error.details() or "", backend_trailers(error, incoming.request_id)
            )
            raise
        except grpc.aio.AbortError:
            raise
        except Exception:
            log.exception("unexpected_error", method=incoming.method, request_id=incoming.request_id)
            unexpected = QuadrilleError("internal error; the server's log has it under this request id")
            await context.abort(
                code_of(unexpected), unexpected.message, trailers_of(unexpected, incoming.request_id)
            )
            raise


class Admission:
    """Counts running calls; refuses above the limit and while draining; can wait until all are done."""

    def __init__(self, metrics: RpcMetrics, limit: int) -> None:
        self._limit = limit
        self._running = 0
        metrics.in_flight.set_function(lambda: self._running)  # read when somebody looks
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
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
        try:
            return await proceed()
        finally:
            self._running -= 1
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
        self._exports = not isinstance(provider, trace.NoOpTracerProvider)
        self._tracer = provider.get_tracer("quadrille.serving")

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
        """Trace one call."""
        if not (self._exports or names_a_trace(incoming.metadata)):
            return await proceed()  # nothing to record, and nothing to carry on
        service, _, method = incoming.method.removeprefix("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        with self._tracer.start_as_current_span(
            f"{service}/{method}",
            context=incoming_context(incoming.metadata),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
        ) as span:
            try:
                return await proceed()
            except QuadrilleError as error:
                span.set_attribute("error.type", error.reason)
                raise


class Identified:
    """Authenticates the caller, checks the scope, and makes the call known to all that it runs."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._scope_of = functools.cache(scope_of)

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
        """Enter one call, or raise Unauthenticated or PermissionDenied."""
        metadata = incoming.metadata
        principal = self._keys.authenticate(bearer(metadata.get("authorization")), acting_for(metadata))
        enter_call(Call(incoming.method, incoming.request_id, principal, incoming.deadline))
        require(principal, self._scope_of(incoming.method))
        return await proceed()


def outcome_of(incoming: Incoming, error: BaseException) -> str:
    """Name of the code by which a call ended that raised this, all concerns around it done."""
    if isinstance(error, asyncio.CancelledError):
        late = incoming.deadline is not None and time.monotonic() >= incoming.deadline
        return "DEADLINE_EXCEEDED" if late else "CANCELLED"
    return _code_name(incoming.context.code())


def _code_name(code: object) -> str:
    if isinstance(code, grpc.StatusCode):
        return code.name
    by_number = {status.value[0]: status.name for status in grpc.StatusCode}
    return by_number.get(code, "UNKNOWN") if isinstance(code, int) else "UNKNOWN"
