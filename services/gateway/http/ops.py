"""GET /healthz, /readyz and /metrics."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def ops_routes(registry: CollectorRegistry, down: Callable[[], Sequence[str]]) -> APIRouter:
    """The routes; `down` names what keeps the gateway from being ready."""
    router = APIRouter()

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """Tell that the process lives."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"description": "Not ready, and what it waits for."}})
    async def ready() -> JSONResponse:
        """Tell whether all backends serve."""
        missing = list(down())
        if missing:
            return JSONResponse({"status": "not ready", "waiting_for": missing}, 503, {"retry-after": "1"})
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Tell Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
