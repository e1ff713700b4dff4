"""The HTTP application, put together."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Depends, FastAPI, Security
from prometheus_client import CollectorRegistry
from serving.auth import KeyStore
from serving.call import current_call
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.admission.gate import Gate
from gateway.backends import ImageBackend, Moderator, TextBackend
from gateway.http import errors
from gateway.http.caller import identified
from gateway.http.chat import chat_routes
from gateway.http.completions import completion_routes
from gateway.http.door import Door
from gateway.http.embeddings import embedding_routes
from gateway.http.images import image_routes
from gateway.http.models import model_routes
from gateway.http.moderations import moderation_routes
from gateway.http.named import NamedHttp
from gateway.http.openapi import API_KEY, DESCRIPTION, RESPONSES
from gateway.http.ops import ops_routes
from gateway.http.playground.routes import Playground, install
from gateway.http.rate_limits import rate_limits
from gateway.http.reference import reference_routes
from gateway.http.rerank import rerank_routes
from gateway.metrics import GatewayMetrics
from gateway.streams.named import NamedRequests


def make_app(
    text: TextBackend,
    images: ImageBackend,
    playground: Playground,
    moderator: Moderator | None,
    storage: APIRouter,
    *,
    gate: Gate,
    keys: KeyStore,
    named: NamedRequests,
    metrics: GatewayMetrics,
    registry: CollectorRegistry,
    down: Callable[[], Sequence[str]],
    max_body_bytes: int,
    max_json_depth: int,
) -> ASGIApp:
    """The door's HTTP side over the text and image ports and what is stored.

    Callers enter by `gate`; `down` names what is not ready.
    """
    app = FastAPI(
        title="Quadrille",
        description=DESCRIPTION,
        version="1",
        redirect_slashes=False,
        docs_url=None,  # FastAPI's pages come from elsewhere
        redoc_url=None,
    )
    app.state.gate = gate
    errors.install(app)
    shown = [Security(API_KEY)] if keys.enabled else []
    for scope, router in (
        ("text", model_routes(text, images)),
        ("text", chat_routes(text)),
        ("text", completion_routes(text)),
        ("text", embedding_routes(text)),
        ("text", rerank_routes(text)),
        ("text", moderation_routes(moderator)),
        ("image", image_routes(images)),
        ("retrieval", storage),
    ):
        checked = [Depends(identified(keys, scope)), *shown]
        app.include_router(router, dependencies=checked, responses=RESPONSES)
    app.include_router(ops_routes(registry, down))
    app.include_router(reference_routes(app.openapi))
    own = install(app, playground, text, images, keys)
    routes = [route.path for route in app.routes if isinstance(route, Route)]
    paths = {*own, *routes, *app.openapi()["paths"]}
    within = NamedHttp(app, named, keys)
    return Door(
        within,
        metrics=metrics,
        routes=paths,
        told=lambda: rate_limits(gate, current_call().principal),
        max_bytes=max_body_bytes,
        max_depth=max_json_depth,
    )
