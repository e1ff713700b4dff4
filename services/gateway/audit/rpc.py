"""Notes every call over gRPC."""

import asyncio
import time

from serving.call import current_call
from serving.concerns import outcome_of
from serving.interceptor import Incoming, Proceed, T

from gateway.audit.log import Audit, Entry
from gateway.audit.spending import begin_spending


class AuditedCalls:
    """Concern around all others, so that it sees what the caller is told."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def __call__(self, incoming: Incoming, proceed: Proceed[T]) -> T:
        """Run one call and note it."""
        begun, spending, outcome = time.monotonic(), begin_spending(), "OK"
        try:
            return await proceed()
        except (Exception, asyncio.CancelledError) as error:
            outcome = outcome_of(incoming, error)
            raise
        finally:
            call = current_call()  # entered by now, if the caller was let in
            entry = Entry(
                "grpc",
                incoming.method,
                incoming.request_id,
                call.principal if call.method else None,
                incoming.context.peer(),
                outcome,
                spending.tokens,
                time.monotonic() - begun,
            )
            self._audit.write(entry)
