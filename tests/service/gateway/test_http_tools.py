import json

import grpc
import pytest
from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from quadrille.text.v1 import text_pb2, tools_pb2

USER = [{"role": "user", "content": "hello there"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "How it is.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "stop"}},
]
NAMED = {"type": "function", "function": {"name": "stop"}}


async def test_a_call_and_its_result(client):
    first = await client.chat.completions.create(model="tiny", messages=USER, tools=TOOLS)
    (choice,) = first.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Well. ")
    (call,) = choice.message.tool_calls
    assert (call.id, call.type, call.function.name) == ("abcdefghi", "function", "weather")
    assert json.loads(json.loads(call.function.arguments)["schema"]) == SCHEMA

    turns = [*USER, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    second = await client.chat.completions.create(
        model="tiny", messages=turns, tools=TOOLS, tool_choice=NAMED, parallel_tool_calls=False
    )
    (call,) = second.choices[0].message.tool_calls
    said = json.loads(call.function.arguments)
    assert call.function.name == "stop"
    assert said["calls"] == ["abcdefghi" + first.choices[0].message.tool_calls[0].function.arguments]
    assert (said["results"], said["parallel"]) == (["abcdefghirain"], False)


async def test_a_call_streams_in_pieces(client):
    stream = await client.chat.completions.create(
        model="tiny", messages=USER, tools=TOOLS, tool_choice="required", stream=True
    )
    chunks = [chunk.choices[0] async for chunk in stream]
    assert "".join(chunk.delta.content or "" for chunk in chunks) == "Well. "
    first, second = [piece for chunk in chunks for piece in chunk.delta.tool_calls or ()]
    assert (first.index, first.id, first.type, first.function.name) == (0, "abcdefghi", "function", "weather")
    assert (second.index, second.id, second.function.name) == (0, None, None)
    said = json.loads(first.function.arguments + second.function.arguments)
    assert said["mode"] == tools_pb2.TOOL_CHOICE_MODE_REQUIRED
    assert chunks[-1].finish_reason == "tool_calls"


async def test_none_is_an_answer_without_calls(client):
    answer = await client.chat.completions.create(
        model="tiny", messages=USER, tools=TOOLS, tool_choice="none"
    )
    assert answer.choices[0].message.content == "You said: hello there"
    assert answer.choices[0].message.tool_calls is None


def tool(**function):
    return {"messages": USER, "tools": [{"type": "function", "function": function}]}


BAD = [
    ({"messages": USER, "tools": [{"type": "retrieval"}]}, "tools[0]"),
    ({**tool(name="weather"), "tool_choice": "any"}, "tool_choice"),
    (tool(name="weather", strict=True), "tools[0].function.strict"),
    (tool(name="a b"), "tools[0].function.name"),
    ({"messages": [{"role": "assistant", "content": None}, *USER]}, "messages[0].content"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}, *USER]}, "messages[0].tool_calls"),
]


@pytest.mark.parametrize(("body", "param"), BAD, ids=[param for _, param in BAD])
async def test_bad_bodies_are_refused_by_name(plain, body, param):
    response = await plain.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith(param)


async def test_strict_is_kept_where_a_call_is_forced(plain):
    body = {**tool(name="weather", strict=True), "tool_choice": "required"}
    assert (await plain.post("/v1/chat/completions", json=body)).status_code == 200


async def test_a_question_has_no_calls_in_its_history(doors):
    call = tools_pb2.ToolCall(id="1", name="a", arguments="{}")
    history = [text_pb2.ChatMessage(role=text_pb2.ROLE_ASSISTANT, tool_calls=[call])]
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        request = rag_pb2.AskRequest(collection="c", question="q", history=history)
        answer = rag_pb2_grpc.RagServiceStub(channel).Ask(request)
        assert await answer.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "history[0].tool_calls" in await answer.details()
