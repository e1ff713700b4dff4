"""OpenAI's tools as ours, and our calls as OpenAI's."""

import json
from collections.abc import Iterable
from typing import Any

from serving.errors import InvalidInput

from gateway.domain.tools import NamedTool, Tool, ToolCall, ToolCallDelta, ToolChoice
from gateway.http.schemas import ChatBody, Message


def tools_of(body: ChatBody) -> tuple[Tool, ...]:
    """The tools of a request. InvalidInput for a promise that is not kept: strict, where no call is forced."""
    forced = body.tool_choice not in (None, "auto", "none")
    found = []
    for place, item in enumerate(body.tools or ()):
        function = item.function
        if function.strict and not forced:
            raise InvalidInput(f"tools[{place}].function.strict", "needs a tool_choice that forces a call")
        parameters = json.dumps(function.parameters) if function.parameters else ""
        found.append(Tool(function.name, function.description or "", parameters))
    return tuple(found)


def choice_of(body: ChatBody) -> ToolChoice | None:
    """Whether tools are to be called."""
    if body.tool_choice is None or isinstance(body.tool_choice, str):
        return body.tool_choice
    return NamedTool(body.tool_choice.function.name)


def calls_of(message: Message) -> tuple[ToolCall, ...]:
    """The calls of an earlier turn."""
    return tuple(
        ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()
    )


def call_bodies(pieces: Iterable[ToolCallDelta]) -> list[dict[str, Any]]:
    """Whole calls, from all the pieces of a sequence."""
    calls: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        if piece.index in calls:
            calls[piece.index]["function"]["arguments"] += piece.arguments
        else:
            calls[piece.index] = _call(piece)
    return [calls[index] for index in sorted(calls)]


def piece_body(piece: ToolCallDelta) -> dict[str, Any]:
    """A piece of a call, as streams have it: id, type and name in the first only."""
    if piece.id:
        return {"index": piece.index, **_call(piece)}
    return {"index": piece.index, "function": {"arguments": piece.arguments}}


def _call(piece: ToolCallDelta) -> dict[str, Any]:
    function = {"name": piece.name, "arguments": piece.arguments}
    return {"id": piece.id, "type": "function", "function": function}
