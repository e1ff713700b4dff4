"""GET /api/stack: a look at the whole stack; the page takes one a second while it is seen."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from gateway.live import LiveView


def stack_routes(view: LiveView) -> APIRouter:
    """The route over a live view."""
    router = APIRouter()

    @router.get("/api/stack")
    async def look() -> dict[str, Any]:
        """Services by name, queues by kind of work, and figures: sums, of which counters only grow.

        `at_s` is a clock of the gateway's own.
        """
        seen = await view.look()
        told = {"at_s": seen.at_s, "services": seen.serving, "figures": seen.figures}
        return told | asdict(seen.queues)

    return router
