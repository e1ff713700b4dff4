"""Notes every request over HTTP, but for what watches the gateway itself."""

import time

from serving.call import current_call
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.audit.log import Audit, Entry
from gateway.audit.spending import begin_spending

_UNNOTED = frozenset({"/healthz", "/readyz", "/metrics"})
_LEFT = "499"  # nobody was there to be answered


class AuditedHttp:
    """ASGI middleware around all that may refuse a request. Queries and bodies are never noted."""

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and note it."""
        if scope["type"] != "http" or scope["path"] in _UNNOTED:
            await self._app(scope, receive, send)
            return
        begun, spending, outcome = time.monotonic(), begin_spending(), _LEFT

        async def send_noted(message: Message) -> None:
            nonlocal outcome
            if message["type"] == "http.response.start":
                outcome = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            call = current_call()
            entry = Entry(
                "http",
                f"{scope['method']} {scope['path']}",
                scope.get("state", {}).get("request_id", ""),
                call.principal if call.method else None,
                ":".join(map(str, scope.get("client") or ())),
                outcome,
                spending.tokens,
                time.monotonic() - begun,
            )
            self._audit.write(entry)
