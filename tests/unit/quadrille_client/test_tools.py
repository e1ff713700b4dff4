import json

import pytest
from quadrille.text.v1 import text_pb2, tools_pb2
from quadrille_client import Tool, ToolCall
from quadrille_client.convert import text, tools
from quadrille_client.types.tools import ToolCallDelta

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    "given",
    [
        Tool("weather", "How it is.", SCHEMA),
        Tool("weather", "How it is.", json.dumps(SCHEMA)),
        {"name": "weather", "description": "How it is.", "parameters": SCHEMA},
        {
            "type": "function",
            "function": {"name": "weather", "description": "How it is.", "parameters": SCHEMA},
        },
    ],
    ids=["tool", "text", "dict", "function"],
)
def test_a_tool_may_be_given_in_several_forms(given):
    message = tools.tool(given)
    assert (message.name, message.description) == ("weather", "How it is.")
    assert json.loads(message.parameters) == SCHEMA


def test_a_tool_without_arguments_has_no_schema():
    assert tools.tool({"name": "stop"}).parameters == ""


def test_options_of_a_tool_that_do_not_exist_are_refused():
    with pytest.raises(TypeError, match="params"):
        tools.tool({"name": "stop", "params": {}})


def test_choices():
    assert tools.choice(None) is None
    assert tools.choice("required").mode == tools_pb2.TOOL_CHOICE_MODE_REQUIRED
    assert tools.choice({"name": "auto"}).name == "auto"
    with pytest.raises(ValueError, match="tool_choice must be one of"):
        tools.choice("weather")


def test_turns_with_calls_and_results():
    call = ToolCall("1", "weather", '{"city": "Oslo"}')
    first, second, third = text.messages(
        [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "assistant", "tool_calls": [{"id": "2", "name": "stop", "arguments": {"a": 1}}]},
            {"role": "tool", "content": "rain", "tool_call_id": "1"},
        ]
    )
    assert (first.tool_calls[0].id, first.tool_calls[0].arguments) == ("1", '{"city": "Oslo"}')
    assert second.tool_calls[0].arguments == '{"a": 1}'
    assert (third.role, third.tool_call_id) == (text_pb2.ROLE_TOOL, "1")


def test_a_call_of_nothing_still_has_an_object_for_arguments():
    (turn,) = text.messages(
        [{"role": "assistant", "tool_calls": [{"id": "2", "name": "a", "arguments": {}}]}]
    )
    assert turn.tool_calls[0].arguments == "{}"


def test_pieces_are_joined_by_their_index():
    pieces = [
        ToolCallDelta(0, "x", "a", '{"k"'),
        ToolCallDelta(1, "y", "b", "{}"),
        ToolCallDelta(0, "", "", ": 1}"),
    ]
    first, second = tools.joined(pieces)
    assert (first, first.parse()) == (ToolCall("x", "a", '{"k": 1}'), {"k": 1})
    assert second == ToolCall("y", "b", "{}")
