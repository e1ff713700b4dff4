"""What FastAPI cannot see of the routes, for the OpenAPI description: failures, streams, keys."""

from typing import Any

from fastapi.security import HTTPBearer
from pydantic import BaseModel

from gateway.http import rate_limits
from gateway.http.answers import FailureBody

Responses = dict[int | str, dict[str, Any]]
DESCRIPTION = """\
The API of OpenAI for chats, completions, embeddings, images, files and vector stores, and /v1/rerank as Jina, Cohere
and vLLM have it. An empty model is the default for what is asked. Fields that are not listed are refused, not dropped.
Every answer has an x-request-id; one that is sent is kept. What is worth a retry says when: retry-after-ms.
A caller with limits is told in x-ratelimit-… what is left of them, in the form of OpenAI."""
API_KEY = HTTPBearer(auto_error=False, scheme_name="apiKey", description="A key that `quadrille keys` made.")
_FAILURES = {
    "400": "Something in the request is wrong: `param` names it.",
    "401": "No key, or not a valid one.",
    "403": "The key does not grant this.",
    "404": "What is named does not exist for this caller.",
    "409": "Somebody else wrote first, or the idempotency key was another request's.",
    "413": "Too large.",
    "429": "Too much at once, or over a quota: retry later.",
    "503": "A backend cannot be reached: retry later.",
    "504": "It would take longer than the caller waits.",
    "default": "Any other failure.",
}
_RETRY = {
    name: {"description": f"{unit} until a retry may help.", "schema": {"type": "integer"}}
    for name, unit in (("retry-after", "Seconds"), ("retry-after-ms", "Milliseconds"))
}
_LIMITS = {
    name: {"description": meaning, "schema": {"type": "string" if "reset" in name else "integer"}}
    for name, meaning in rate_limits.MEANINGS.items()
}
_TOLD = {"429": _RETRY | _LIMITS, "503": _RETRY}
_failed: Responses = {
    status: {"model": FailureBody, "description": why}
    | ({"headers": _TOLD[status]} if status in _TOLD else {})
    for status, why in _FAILURES.items()
}
# By name: FastAPI adds its own 422, which is never sent, unless "default" is among them.
RESPONSES: Responses = {"200": {"headers": _LIMITS}, **_failed}

_EVENT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("data", "event", "id")},
    "required": ["data"],
}


def answered(model: type[BaseModel], *, streamed: str | None = None) -> Responses:
    """The successful answer of a route; `streamed` says what its server-sent events are where it may stream."""
    described: dict[str, Any] = {"model": model, "description": (model.__doc__ or "").partition("\n")[0]}
    if streamed is not None:
        event = {**_EVENT, "description": f"One event: {streamed}."}
        described["content"] = {"text/event-stream": {"schema": event}}
    return {200: described}
