"""Tools and calls of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quadrille.text.v1 import tools_pb2 as pb

from quadrille_client.convert.enums import value
from quadrille_client.types import tools as types


def tool(given: types.Tool | Mapping[str, Any]) -> pb.Tool:
    """A tool; a dict may also have the form {"type": "function", "function": {…}}."""
    if not isinstance(given, types.Tool):
        given = types.Tool(**given.get("function", given))
    parameters = _json(given.parameters) if given.parameters else ""
    return pb.Tool(name=given.name, description=given.description, parameters=parameters)


def choice(given: types.ToolMode | types.ToolName | None) -> pb.ToolChoice | None:
    """Whether tools are to be called: a word, or the name of the one."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return pb.ToolChoice(name=given["name"])
    return pb.ToolChoice(mode=value(pb.ToolChoiceMode, given, "tool_choice"))


def call(given: types.ToolCall | Mapping[str, Any]) -> pb.ToolCall:
    """A call of an earlier turn; in a dict, arguments may be an object or its JSON text."""
    if not isinstance(given, types.ToolCall):
        given = types.ToolCall(**given)
    return pb.ToolCall(id=given.id, name=given.name, arguments=_json(given.arguments))


def deltas(items: Iterable[pb.ToolCallDelta]) -> tuple[types.ToolCallDelta, ...]:
    """Pieces of calls."""
    return tuple(types.ToolCallDelta(item.index, item.id, item.name, item.arguments) for item in items)


def joined(pieces: Sequence[types.ToolCallDelta]) -> tuple[types.ToolCall, ...]:
    """The calls of one sequence from all their pieces."""
    calls: dict[int, list[types.ToolCallDelta]] = {}
    for piece in pieces:
        calls.setdefault(piece.index, []).append(piece)
    return tuple(
        types.ToolCall(items[0].id, items[0].name, "".join(item.arguments for item in items))
        for _, items in sorted(calls.items())
    )


def _json(given: Mapping[str, Any] | str) -> str:
    return given if isinstance(given, str) else json.dumps(given)
