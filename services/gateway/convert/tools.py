"""Tools and calls of them, both ways."""

from collections.abc import Iterable

from quadrille.text.v1 import tools_pb2

from gateway.domain import tools as domain


def tool_to_proto(tool: domain.Tool) -> tools_pb2.Tool:
    """The wire form of a tool."""
    return tools_pb2.Tool(name=tool.name, description=tool.description, parameters=tool.parameters)


def choice_to_proto(choice: domain.ToolChoice | None) -> tools_pb2.ToolChoice | None:
    """The wire form of a choice; None leaves it to the text service."""
    if choice is None:
        return None
    if isinstance(choice, domain.NamedTool):
        return tools_pb2.ToolChoice(name=choice.name)
    return tools_pb2.ToolChoice(mode=tools_pb2.ToolChoiceMode.Value(f"TOOL_CHOICE_MODE_{choice.upper()}"))


def call_to_proto(call: domain.ToolCall) -> tools_pb2.ToolCall:
    """The wire form of an earlier turn's call."""
    return tools_pb2.ToolCall(id=call.id, name=call.name, arguments=call.arguments)


def deltas_from_proto(pieces: Iterable[tools_pb2.ToolCallDelta]) -> tuple[domain.ToolCallDelta, ...]:
    """Pieces of calls."""
    return tuple(map(_delta, pieces))


def _delta(piece: tools_pb2.ToolCallDelta) -> domain.ToolCallDelta:
    return domain.ToolCallDelta(piece.index, piece.id, piece.name, piece.arguments)
