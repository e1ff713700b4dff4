import dataclasses
import json

import pytest
from serving.errors import InvalidInput
from textgen.domain import ChatMessage, ChatRequest, Role, Sampling, StructuredKind, StructuredOutput
from textgen.tools.calls import Tool, ToolCall, ToolChoice, ToolMode
from textgen.tools.check import check_calls, check_tools

TOOL = Tool("get_weather", "Weather.", '{"type": "object"}')
STRUCTURED = Sampling(structured_output=StructuredOutput(StructuredKind.REGEX, "a"))
REQUIRED, NAMED = ToolChoice(ToolMode.REQUIRED), ToolChoice(ToolMode.NAMED, "get_weather")


def request(*tools, **options):
    sampling = options.pop("sampling", Sampling())
    return ChatRequest("m", (), (), sampling, "", tools=tools, **options)


@pytest.mark.parametrize(
    ("case", "field"),
    [
        (request(*(dataclasses.replace(TOOL, name=f"a{i}") for i in range(129))), "tools"),
        (request(Tool("")), "tools[0].name"),
        (request(Tool("a" * 65)), "tools[0].name"),
        (request(TOOL, Tool("get weather")), "tools[1].name"),
        (request(Tool("<|end|>")), "tools[0].name"),
        (request(TOOL, TOOL), "tools[1].name"),
        (request(Tool("a", "é" * 5000)), "tools[0].description"),
        (request(Tool("a", "", "{")), "tools[0].parameters"),
        (request(Tool("a", "", "[]")), "tools[0].parameters"),
        (request(Tool("a", "", "{}")), "tools[0].parameters"),
        (request(Tool("a", "", '{"type": "string"}')), "tools[0].parameters"),
        (request(Tool("a", "", '{"type": "object", "a":' * 99 + "1" + "}" * 99)), "tools[0].parameters"),
        (request(Tool("a", "", json.dumps({"type": "object", "a": "x" * 65536}))), "tools[0].parameters"),
        (request(*(Tool(f"a{i}", "x" * 8192) for i in range(33))), "tools"),
        (request(tool_choice=REQUIRED), "tool_choice"),
        (request(tool_choice=NAMED), "tool_choice"),
        (request(Tool("a"), tool_choice=NAMED), "tool_choice.name"),
        (request(TOOL, sampling=STRUCTURED), "sampling.structured_output"),
        (request(TOOL, sampling=STRUCTURED, tool_choice=REQUIRED), "sampling.structured_output"),
    ],
)
def test_what_is_wrong_with_tools_is_named(case, field) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_tools(case)
    assert caught.value.field == field


def test_what_the_contract_allows_passes() -> None:
    check_tools(request(TOOL, Tool("b-2"), tool_choice=NAMED))
    check_tools(request(sampling=STRUCTURED))
    check_tools(request(TOOL, sampling=STRUCTURED, tool_choice=ToolChoice(ToolMode.NONE)))


def assistant(*calls):
    return ChatMessage(Role.ASSISTANT, "", calls)


def result(call_id, role=Role.TOOL):
    return ChatMessage(role, "21", tool_call_id=call_id)


CALL = ToolCall("1", "get_weather", "{}")


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([ChatMessage(Role.USER, "", (CALL,))], "messages[0].tool_calls"),
        ([assistant(*(dataclasses.replace(CALL, id=str(i)) for i in range(129)))], "messages[0].tool_calls"),
        ([assistant(ToolCall("", "a", "{}"))], "messages[0].tool_calls[0].id"),
        ([assistant(ToolCall("x" * 65, "a", "{}"))], "messages[0].tool_calls[0].id"),
        ([assistant(CALL), assistant(CALL)], "messages[1].tool_calls[0].id"),
        ([assistant(CALL, ToolCall("2", "a b", "{}"))], "messages[0].tool_calls[1].name"),
        ([assistant(ToolCall("1", "a", ""))], "messages[0].tool_calls[0].arguments"),
        ([assistant(ToolCall("1", "a", '"x"'))], "messages[0].tool_calls[0].arguments"),
        ([result("1")], "messages[0].tool_call_id"),
        ([assistant(CALL), result("")], "messages[1].tool_call_id"),
        ([assistant(CALL), result("2")], "messages[1].tool_call_id"),
        ([result("1"), assistant(CALL)], "messages[0].tool_call_id"),
        ([assistant(CALL), result("1", Role.USER)], "messages[1].tool_call_id"),
    ],
)
def test_what_is_wrong_with_calls_is_named(messages, field) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_calls(messages)
    assert caught.value.field == field


def test_results_follow_their_calls() -> None:
    check_calls([assistant(CALL, ToolCall("2", "b", '{"a": 1}')), result("2"), result("1")])
