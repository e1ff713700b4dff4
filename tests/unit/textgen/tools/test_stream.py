import re

import pytest
from textgen.domain import Delta, Finished, FinishReason, SequenceResult, Started, Timings, Usage
from textgen.tools.calls import ToolCallDelta
from textgen.tools.formats import syntax_of
from textgen.tools.reader import CallReader
from textgen.tools.stream import CallStream

CALL = '<tool_call>{"name": "get", "arguments": {"a": 1}}</tool_call>'


@pytest.fixture
def stream():
    def make(*, parallel=True):
        return CallStream(lambda: CallReader(syntax_of("", "hermes"), {"get"}), parallel)

    return make


def finished(*reasons):
    results = tuple(SequenceResult(place, reason, None, 0.0) for place, reason in enumerate(reasons))
    return Finished(results, Usage(1), Timings())


def take(stream, *events):
    return [item for event in events for item in stream.take(event)]


def test_calls_are_typed_and_what_belongs_to_tokens_stays_where_it_was(stream) -> None:
    started = Started("r", "m", 1, 0)
    deltas = [Delta(0, char, (place,)) for place, char in enumerate("a" + CALL)]
    events = take(stream(), started, *deltas, finished(FinishReason.STOP))
    assert events[0] == started
    assert [event.token_ids for event in events[1:-1]] == [delta.token_ids for delta in deltas]
    assert "".join(event.text for event in events[1:-1]) == "a"
    (call,) = [call for event in events[1:-1] for call in event.tool_calls]
    assert (call.index, call.name, call.arguments) == (0, "get", '{"a": 1}')
    assert re.fullmatch("[A-Za-z0-9]{9}", call.id)
    assert events[-1].sequences[0].finish_reason is FinishReason.TOOL_CALLS


def test_sequences_are_read_each_for_itself(stream) -> None:
    deltas = [Delta(0, CALL[:20], (1,)), Delta(1, "x" + CALL[:9], (2,)), Delta(0, CALL[20:] + CALL, (3,))]
    events = take(stream(), *deltas, finished(FinishReason.STOP, FinishReason.STOP))
    assert [call.index for event in events[:-1] if event.index == 0 for call in event.tool_calls] == [0, 1]
    assert "".join(event.text for event in events[:-1] if event.index == 1) == "x" + CALL[:9]
    reasons = [result.finish_reason for result in events[-1].sequences]
    assert reasons == [FinishReason.TOOL_CALLS, FinishReason.STOP]


def test_what_was_kept_back_comes_before_the_end(stream) -> None:
    events = take(stream(), Delta(0, "<tool_call>{", (1,)), finished(FinishReason.LENGTH))
    assert [type(event) for event in events] == [Delta, Delta, Finished]
    assert (events[1].text, events[1].token_ids) == ("<tool_call>{", ())
    assert events[-1].sequences[0].finish_reason is FinishReason.LENGTH


def test_an_answer_that_was_cut_off_after_a_call_says_so(stream) -> None:
    events = take(stream(), Delta(0, CALL + CALL[:15], (1,)), finished(FinishReason.LENGTH))
    assert [len(event.tool_calls) for event in events[:-1]] == [1, 0]
    assert events[-1].sequences[0].finish_reason is FinishReason.LENGTH


def test_without_parallel_calls_the_first_is_the_only_one(stream) -> None:
    events = take(stream(parallel=False), Delta(0, CALL + CALL + "x", (1,)), finished(FinishReason.STOP))
    assert [type(call) for event in events[:-1] for call in event.tool_calls] == [ToolCallDelta]
    assert "".join(event.text for event in events[:-1]) == "x"


def test_ids_differ(stream) -> None:
    (event,) = take(stream(), Delta(0, CALL * 50 + "x", (1,)))
    assert len({call.id for call in event.tool_calls}) == 50
