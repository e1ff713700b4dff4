"""POST /api/ask: RagService's Ask, in protobuf's JSON, as server-sent events named as the contract names them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from gateway.convert.rag_json import ask_event_to_json, ask_from_json
from gateway.domain.ask import AskRequest
from gateway.http.caller import unless_gone
from gateway.http.stream import Event, respond
from gateway.metrics import GatewayMetrics
from gateway.rag.ask import Asker


def ask_routes(asker: Asker, metrics: GatewayMetrics) -> APIRouter:
    """The route over an asker."""
    router = APIRouter()

    @router.post("/api/ask", response_model=None)
    async def ask(request: Request) -> Any:
        question = ask_from_json(await request.body())
        question = replace(question, request_id=question.request_id or request.state.request_id)
        return await unless_gone(request, respond(_events(question), done=False))

    async def _events(question: AskRequest) -> AsyncGenerator[Event, None]:
        with metrics.counted_ask():
            async with aclosing(asker.ask(question)) as events:
                async for event in events:
                    yield ask_event_to_json(event)

    return router
