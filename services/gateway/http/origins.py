"""Whose pages may call: names that the gateway is served under, and origins beside its own.

Without API keys a browser is the only thing between a page and a gateway on its visitor's machine: a page could send
it forms, and one whose name is made to lead to 127.0.0.1 (DNS rebinding) could read what it answers. So requests must
name the gateway as it is known, and those that change something must not come from other origins.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.errors import body

ANY = "*"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Origins:
    """ASGI middleware; `hosts` None serves under any name."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None, origins: Collection[str]) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts is not None and _name(host) not in self._hosts:
            message = "this name is not the gateway's: add it to http_hosts"
            return JSONResponse(body(message, "invalid_request_error", None, "unknown_host"), 421)
        if origin is None or scope["method"] in _SAFE or self._origins & {ANY, origin}:
            return None
        if urlsplit(origin).netloc.lower() == host.lower():
            return None
        message = "pages of this origin may not call: add it to cors_origins"
        return JSONResponse(body(message, "permission_error", None, "origin_refused"), 403)


def _name(host: str) -> str:
    """The name in a Host header, without its port and the brackets of an IPv6 address."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
