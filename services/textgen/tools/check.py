"""What can be wrong with tools, the choice among them and the calls of a conversation, by themselves."""

import re
from collections.abc import Sequence

from serving.errors import InvalidInput

from textgen.domain import ChatMessage, ChatRequest, Role
from textgen.tools.calls import ToolMode
from textgen.tools.json_text import parse_object
from textgen.validation import at_most

MAX_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME_RULE = "must be 1 to 64 of A-Z, a-z, 0-9, _ and -"
_DESCRIPTION_BYTES = 8 * 1024
_PARAMETERS_BYTES = 64 * 1024
_ALL_BYTES = 256 * 1024


def check_tools(request: ChatRequest) -> None:
    """InvalidInput for tools or a choice that the contract does not allow."""
    at_most("tools", len(request.tools), MAX_TOOLS)
    if (
        sum(len(tool.description.encode()) + len(tool.parameters.encode()) for tool in request.tools)
        > _ALL_BYTES
    ):
        raise InvalidInput("tools", f"must have at most {_ALL_BYTES} bytes of descriptions and schemas")
    names: set[str] = set()
    for place, tool in enumerate(request.tools):
        field = f"tools[{place}]"
        if not _NAME.fullmatch(tool.name):
            raise InvalidInput(f"{field}.name", _NAME_RULE)
        if tool.name in names:
            raise InvalidInput(f"{field}.name", "is that of an earlier tool")
        names.add(tool.name)
        if len(tool.description.encode()) > _DESCRIPTION_BYTES:
            raise InvalidInput(f"{field}.description", f"must be at most {_DESCRIPTION_BYTES} bytes")
        if len(tool.parameters.encode()) > _PARAMETERS_BYTES:
            raise InvalidInput(f"{field}.parameters", f"must be at most {_PARAMETERS_BYTES} bytes")
        if tool.parameters and _object(f"{field}.parameters", tool.parameters).get("type") != "object":
            raise InvalidInput(f"{field}.parameters", 'must be a schema with "type": "object"')
    choice = request.tool_choice
    if choice.forced and not request.tools:
        raise InvalidInput("tool_choice", "needs tools")
    if choice.mode is ToolMode.NAMED and choice.name not in names:
        raise InvalidInput("tool_choice.name", "is that of no tool")
    structured = request.sampling.structured_output is not None
    if structured and request.tools and choice.mode is not ToolMode.NONE:
        raise InvalidInput("sampling.structured_output", "says what the answer is, and so does tool_choice")


def check_calls(messages: Sequence[ChatMessage]) -> None:
    """InvalidInput for calls, or results of calls, that the contract does not allow."""
    ids: set[str] = set()
    for place, message in enumerate(messages):
        field = f"messages[{place}]"
        if message.tool_calls and message.role is not Role.ASSISTANT:
            raise InvalidInput(f"{field}.tool_calls", "belong to the assistant's messages")
        at_most(f"{field}.tool_calls", len(message.tool_calls), MAX_TOOLS)
        for number, call in enumerate(message.tool_calls):
            inner = f"{field}.tool_calls[{number}]"
            if not 1 <= len(call.id.encode()) <= 64:
                raise InvalidInput(f"{inner}.id", "must be 1 to 64 bytes")
            if call.id in ids:
                raise InvalidInput(f"{inner}.id", "is that of an earlier call")
            ids.add(call.id)
            if not _NAME.fullmatch(call.name):
                raise InvalidInput(f"{inner}.name", _NAME_RULE)
            _object(f"{inner}.arguments", call.arguments)
        if message.role is not Role.TOOL and message.tool_call_id:
            raise InvalidInput(f"{field}.tool_call_id", "belongs to a tool's message")
        if message.role is Role.TOOL and message.tool_call_id not in ids:
            raise InvalidInput(f"{field}.tool_call_id", "must be the id of an earlier call")


def _object(field: str, text: str) -> dict[str, object]:
    try:
        return parse_object(text)
    except ValueError as error:
        raise InvalidInput(field, str(error)) from error
