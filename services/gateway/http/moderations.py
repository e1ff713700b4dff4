"""POST /v1/moderations: refused until a model that judges is configured, because silence would look like a verdict."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from serving.errors import NotConfigured, NotFound

from gateway.backends import Moderator
from gateway.domain.moderation import Verdict
from gateway.http.answers import ModerationAnswer
from gateway.http.caller import unless_gone
from gateway.http.openapi import answered
from gateway.http.schemas import ModerationBody


def moderation_routes(moderator: Moderator | None) -> APIRouter:
    """The route over a moderator; None when there is none."""
    router = APIRouter()

    @router.post("/v1/moderations", responses=answered(ModerationAnswer))
    async def moderate(request: Request, body: ModerationBody) -> dict[str, Any]:
        """Judge texts. Refused (`not_configured`) where no model that judges is configured."""
        if moderator is None:
            raise NotConfigured("nothing judges texts here", "see the gateway's option moderation_model")
        if body.model not in ("", moderator.model):
            raise NotFound("model", body.model)
        inputs = [body.input] if isinstance(body.input, str) else body.input
        texts = [item if isinstance(item, str) else item.text for item in inputs]
        verdicts = await unless_gone(request, _all(moderator, texts))
        return {
            "id": f"modr-{request.state.request_id}",
            "model": moderator.model,
            "results": [_result(verdict) for verdict in verdicts],
        }

    return router


async def _all(moderator: Moderator, texts: list[str]) -> list[Verdict]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(moderator.moderate(text)) for text in texts]
    except ExceptionGroup as failed:  # one text's failure is the request's
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _result(verdict: Verdict) -> dict[str, Any]:
    return {
        "flagged": bool(verdict.flagged),
        "categories": {name: name in verdict.flagged for name in verdict.scores},
        "category_scores": dict(verdict.scores),
        "category_applied_input_types": {name: ["text"] for name in verdict.scores},
    }
