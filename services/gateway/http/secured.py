"""Headers that tell browsers to be careful with what the gateway answers (OWASP's recommendations for APIs)."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALL = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_DATA = "default-src 'none'; frame-ancestors 'none'"
_PAGES = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_ONE_YEAR = "max-age=31536000"


class Secured:
    """ASGI middleware: adds what a response does not say itself."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self._app = app
        self._common = {**_ALL, **({"strict-transport-security": _ONE_YEAR} if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                for name, value in self._common.items():
                    headers.setdefault(name, value)
                is_page = headers.get("content-type", "").startswith("text/html")
                headers.setdefault("content-security-policy", _PAGES if is_page else _DATA)
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_secured)
