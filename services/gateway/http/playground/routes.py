"""All routes of the playground, on an application."""

from dataclasses import dataclass

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from serving.auth import KeyStore

from gateway.backends import ImageBackend, RetrievalBackend, TextBackend
from gateway.http.caller import identified
from gateway.http.playground.ask import ask_routes
from gateway.http.playground.browsing import browsing_routes
from gateway.http.playground.documents import document_routes
from gateway.http.playground.models import catalogue_routes
from gateway.http.playground.page import asset_mount, page_routes
from gateway.http.playground.stack import stack_routes
from gateway.live import LiveView
from gateway.metrics import GatewayMetrics
from gateway.rag.ask import Asker
from gateway.rag.ingest import Ingester


@dataclass(frozen=True, slots=True)
class Playground:
    """What the page reaches beside the OpenAI-compatible door."""

    asker: Asker
    ingester: Ingester
    retrieval: RetrievalBackend
    view: LiveView
    metrics: GatewayMetrics


def install(
    app: FastAPI, playground: Playground, text: TextBackend, images: ImageBackend, keys: KeyStore
) -> set[str]:
    """Add the page, which anybody may read, and what it asks for, which takes a key where keys are asked for.

    Returns the routes' paths.
    """
    page = page_routes()
    asked = (
        ("text", catalogue_routes(text, images)),
        ("retrieval", document_routes(text, playground.retrieval, playground.ingester)),
        ("retrieval", browsing_routes(playground.retrieval)),
        ("gateway", ask_routes(playground.asker, playground.metrics)),
        ("gateway", stack_routes(playground.view)),
    )
    for scope, router in asked:
        # Not in the schema: these follow the page, and are no promise to others.
        app.include_router(router, dependencies=[Depends(identified(keys, scope))], include_in_schema=False)
    app.include_router(page)
    app.router.routes.append(asset_mount())
    routers = (page, *(router for _, router in asked))
    return {route.path for router in routers for route in router.routes if isinstance(route, APIRoute)}
