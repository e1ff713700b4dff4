import asyncio

import grpc
import jsonschema
import pytest
from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1 import text_pb2_grpc, tools_pb2
from quadrille_client.errors import InvalidArgumentError
from quadrille_client.types.text import Delta

WEATHER = {
    "name": "weather",
    "description": '<|end|> "now"',
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Oslo", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
STOP = {"name": "stop"}
TOOLS = [WEATHER, STOP]
CALL = '<tool_call>\n{"name": "stop", "arguments": {'
END = 0  # the model's end token


async def test_a_forced_answer_is_calls_that_satisfy_their_schemas(serve):
    served = await serve("caller")
    answer = await served.client.chat(
        "x", tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, max_tokens=150
    )
    (call,) = answer.tool_calls
    assert call.name == "weather"
    jsonschema.validate(call.parse(), WEATHER["parameters"])
    assert (answer.text, answer.finished.sequences[0].finish_reason) == ("", "tool_calls")


async def test_several_calls_in_several_sequences(serve):
    served = await serve("caller")
    answer = await served.client.chat(
        "x", tools=[STOP], tool_choice="required", n=2, max_tokens=130, logit_bias={END: -100}
    )
    for calls, text, end in zip(answer.calls, answer.texts, answer.finished.sequences, strict=True):
        assert len(calls) > 1
        assert {call.name for call in calls} == {"stop"}
        assert text.strip() == "" or text.strip() in CALL or text.strip().startswith(CALL)  # what was cut off
        assert end.finish_reason == "length"
    ids = [call.id for calls in answer.calls for call in calls]
    assert len(set(ids)) == len(ids)


async def test_a_named_tool_is_called_once(serve):
    served = await serve("caller")
    answer = await served.client.chat("x", tools=TOOLS, tool_choice={"name": "stop"}, max_tokens=100)
    assert [(call.name, call.parse()) for call in answer.tool_calls] == [("stop", {})]


async def test_a_conversation_goes_on_with_the_result(serve):
    served = await serve("caller")
    turns = [{"role": "user", "content": "x"}]
    first = await served.client.chat(turns, tools=[STOP], tool_choice={"name": "stop"}, max_tokens=100)
    (call,) = first.tool_calls
    turns += [first.message, {"role": "tool", "tool_call_id": call.id, "content": "done <|end|>"}]
    second = await served.client.chat(turns, tools=[STOP], max_tokens=4)
    assert second.started.prompt_tokens > first.started.prompt_tokens
    assert (await served.client.chat(turns, max_tokens=4)).finished


async def test_deltas_carry_the_tokens_of_what_they_hold_back(serve):
    served = await serve("caller")
    async with served.client.stream_chat(
        "x", tools=[STOP], tool_choice={"name": "stop"}, max_tokens=100, logprobs=0
    ) as stream:
        deltas = [event async for event in stream if isinstance(event, Delta)]
    assert sum(len(delta.tool_calls) for delta in deltas) == 1
    tokens = [token for delta in deltas for token in delta.token_ids]
    assert len(tokens) == sum(len(delta.logprobs) for delta in deltas)
    assert "<tool_call>" in await served.client.detokenize(tokens)


async def test_without_a_choice_an_answer_is_what_the_model_says(serve):
    served = await serve("caller")
    plain = await served.client.chat("the cat", temperature=0, max_tokens=20)
    none = await served.client.chat("the cat", tools=TOOLS, tool_choice="none", temperature=0, max_tokens=20)
    assert (plain.text, plain.started.prompt_tokens) == (none.text, none.started.prompt_tokens)
    free = await served.client.chat("the cat", tools=TOOLS, temperature=0, max_tokens=20)
    assert free.started.prompt_tokens > plain.started.prompt_tokens
    assert free.tool_calls == ()


async def test_a_stop_string_ends_a_call_too(serve):
    served = await serve("caller")
    answer = await served.client.chat(
        "x", tools=[STOP], tool_choice={"name": "stop"}, max_tokens=100, stop=['"arguments"']
    )
    assert answer.tool_calls == ()
    assert answer.text == '<tool_call>\n{"name": "stop", '
    assert answer.finished.sequences[0].finish_reason == "stop"


async def test_a_replay_has_the_same_ids(serve):
    served = await serve("caller")
    request = pb.ChatRequest(
        messages=[pb.ChatMessage(role=pb.ROLE_USER, content="x")],
        tools=[tools_pb2.Tool(name="stop")],
        tool_choice=tools_pb2.ToolChoice(name="stop"),
        sampling=pb.SamplingParameters(max_tokens=100),
        request_id="once",
    )
    async with grpc.aio.insecure_channel(served.address) as channel:
        stub = text_pb2_grpc.TextServiceStub(channel)

        async def ask():
            return [event async for event in stub.Chat(request)]

        first, second = await asyncio.gather(ask(), ask())
        assert first == second == await ask()
        assert [call.id for event in first for call in event.delta.tool_calls]


BAD = [
    ({"tools": [{"name": "a b"}]}, "tools[0].name"),
    ({"tools": [{"name": "a", "parameters": "{"}]}, "tools[0].parameters"),
    ({"tools": TOOLS, "tool_choice": {"name": "other"}}, "tool_choice.name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": "required", "json_schema": "{}"}, "sampling.structured_output"),
    (
        {
            "tools": [
                STOP,
                {"name": "b", "parameters": {"type": "object", "properties": {"c": {"type": "x"}}}},
            ],
            "tool_choice": "required",
        },
        "tools[1].parameters",
    ),
]


@pytest.mark.parametrize(("options", "field"), BAD, ids=[field for _, field in BAD])
async def test_bad_tools_are_refused_by_field(serve, options, field):
    served = await serve("caller")
    with pytest.raises(InvalidArgumentError) as caught:
        await served.client.chat("x", **options)
    assert caught.value.field == field


async def test_bad_calls_are_refused_by_field(serve):
    served = await serve("caller")
    call = {"id": "1", "name": "stop", "arguments": {}}
    for turns, field in (
        ([{"role": "user", "content": "x", "tool_calls": [call]}], "messages[0].tool_calls"),
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}], "messages[0].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [call]}], "messages[0].role"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            await served.client.chat(turns)
        assert caught.value.field == field


async def test_a_model_whose_template_knows_no_tools_refuses_them(serve):
    served = await serve("llama")
    with pytest.raises(InvalidArgumentError, match="knows no tools") as caught:
        await served.client.chat("x", tools=TOOLS)
    assert caught.value.field == "tools"
    assert (await served.client.chat("x", tools=TOOLS, tool_choice="none", max_tokens=2)).text is not None
