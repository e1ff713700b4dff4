"""The page and its files, as `services/gateway/web` was built; nothing comes from elsewhere."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUILT = Path(__file__).parent / "built"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"content-security-policy": _POLICY}  # beside those of every answer


def page_routes() -> APIRouter:
    """GET /, which is never cached: it names the files that belong to it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page() -> FileResponse:
        return FileResponse(BUILT / "index.html", headers={**HEADERS, "cache-control": "no-cache"})

    return router


def asset_mount() -> Mount:
    """GET /assets/…, whose names change with what they hold."""
    return Mount("/assets", _Immutable(StaticFiles(directory=BUILT / "assets")), name="assets")


class _Immutable:
    """ASGI middleware: what was found may be kept for ever."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = {key.encode(): value.encode() for key, value in HEADERS.items()}
                if message["status"] in (200, 304):
                    headers[b"cache-control"] = b"public, max-age=31536000, immutable"
                message["headers"] = [*message["headers"], *headers.items()]
            await send(message)

        await self._app(scope, receive, send_kept)
