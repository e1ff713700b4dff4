"""GET /healthz, /readyz and /metrics."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def ops_routes(registry: CollectorRegistry, down: Callable[[], Sequence[str]]) -> APIRouter:
    """The routes; `down` names what keeps the gateway from being ready."""
    router = APIRouter()

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        missing = list(down())
        if missing:
            return JSONResponse({"status": "not ready", "waiting_for": missing}, 503, {"retry-after": "1"})
        return JSONResponse({"status": "ready"})

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
