import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textgen.tools.formats import syntax_of
from textgen.tools.reader import CallReader, FoundCall

NAMES = {"get", "set_it"}
FORMATS = ("hermes", "llama", "mistral")
FRAGMENTS = [
    *("<tool_call>", "</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
    *('{"name": "get", "arguments": {"a": 1}}', '{"parameters": {"b": "}<"}, "name": "set_it"}'),
    *('{"name": "other", "arguments": {}}', '{"name": "get", "arguments": {"a": NaN}}'),
    *('get{"a": "x"}', 'set_it[ARGS]{"b": []}', '{"name": "get",', '"arguments": ', "{}", '{"a": "é\\"{"}'),
    *("{", "}", "[", "]", ",", ";", '"', "\\", "<", "<tool", "[TOOL_", "get", " ", "\n", "a", "é", " " * 17),
]
# All that may be missing from what comes out: the marks, and a call's object around its arguments.
MARKUP = re.compile(
    r"(?:\s|</?tool_call>|<\|python_tag\|>|\[(?:TOOL_CALLS|ARGS|CALL_ID)\]|[\[\]{},;:]"
    r'|"(?:name|arguments|parameters|get|set_it)"|get|set_it|a)*'
)


def read(syntax, pieces):
    reader = CallReader(syntax_of("", syntax), NAMES)
    events = [event for piece in pieces for event in reader.push(piece)] + reader.finish()
    joined = []
    for event in events:
        if isinstance(event, str) and joined and isinstance(joined[-1], str):
            joined[-1] += event
        else:
            joined.append(event)
    return joined


def call(name="get", arguments='{"a": 1}'):
    return FoundCall(name, arguments)


OBJECT = '{"name": "get", "arguments": {"a": 1}}'


@pytest.mark.parametrize(
    ("syntax", "text", "events"),
    [
        ("hermes", f"<tool_call>\n{OBJECT}\n</tool_call>", [call()]),
        ("hermes", f"Well.\n<tool_call>{OBJECT}</tool_call>\n", ["Well.\n", call()]),
        ("hermes", f"<tool_call>{OBJECT}</tool_call>\n<tool_call>{OBJECT}</tool_call>", [call(), call()]),
        ("hermes", f"<tool_call>{OBJECT}</tool_call>\nDone", [call(), "\nDone"]),
        ("hermes", f"<tool_call>\n{OBJECT}", [call()]),  # some models leave the end out
        ("hermes", '<tool_call>{"name": "get", "arguments": {"a": "</tool_call>"}}</tool_call>',
         [call(arguments='{"a": "</tool_call>"}')]),
        ("hermes", f"<tool_call>{OBJECT}</tool_call>\n<tool_call>{{", [call(), "\n<tool_call>{"]),
        ("llama", '{"name": "get", "parameters": {"a": 1}}', [call()]),
        ("llama", '\n{"type": "function", "name": "get", "parameters": {"a": 1}}', [call()]),
        ("llama", '<|python_tag|>{"name": "get", "parameters": {"a": 1}}', [call()]),
        ("llama", 'So <|python_tag|>{"name": "get", "parameters": {"a": 1}}', ["So ", call()]),
        ("llama", '{"name": "get", "parameters": {"a": 1}}; {"name": "set_it", "parameters": {}}',
         [call(), call("set_it", "{}")]),
        ("mistral", f"[TOOL_CALLS] [{OBJECT}]", [call()]),
        ("mistral", f"[TOOL_CALLS][{OBJECT}, {OBJECT}]", [call(), call()]),
        ("mistral", 'Hm[TOOL_CALLS]get{"a": 1}', ["Hm", call()]),
        ("mistral", '[TOOL_CALLS]get[CALL_ID]x1[ARGS]{"a": 1}[TOOL_CALLS]set_it[ARGS]{}',
         [call(), call("set_it", "{}")]),
    ],
)  # fmt: skip
def test_calls_are_told_from_text(syntax, text, events) -> None:
    assert read(syntax, [text]) == events


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        ("hermes", "no call at all < tool_call >"),
        ("hermes", '<tool_call>{"name": "get", "arguments": {"a": 1}'),  # cut off
        ("hermes", '<tool_call>{"name": "get", "arguments": "a"}</tool_call>'),
        ("hermes", '<tool_call>{"name": "get", "arguments": {"a": NaN}}</tool_call>'),
        ("hermes", '<tool_call>{"name": "other", "arguments": {}}</tool_call>'),
        ("hermes", '<tool_call>{"name": ["get"], "arguments": {}}</tool_call>'),
        ("hermes", "<tool_call>{'name': 'get', 'arguments': {}}</tool_call>"),
        ("hermes", '<tool_call>{"arguments": {}}</tool_call>'),
        ("hermes", "<tool_call>" + '{"name": "get", "arguments": ' + '{"a":' * 5000 + "1" + "}" * 5001),
        ("llama", 'Sure: {"name": "get", "parameters": {}}'),
        ("llama", '{"temperature": 21}'),
        ("llama", '<|python_tag|>brave_search.call(query="x")'),
        ("mistral", "[TOOL_CALLS] [{]"),
        ("mistral", "[TOOL_CALLS]get some {}"),
        ("mistral", '[TOOL_CALLS]other{"a": 1}'),
    ],
)
def test_what_is_no_call_is_text_as_it_was(syntax, text) -> None:
    assert read(syntax, [text]) == [text]
    assert "".join(read(syntax, list(text))) == text


def test_only_what_may_begin_a_call_is_kept_back() -> None:
    reader = CallReader(syntax_of("", "hermes"), NAMES)
    assert reader.push("a <tool_c") == ["a "]
    assert reader.push("at>") == ["<tool_cat>"]
    assert reader.push("<tool_call>\n") == []
    assert reader.push(OBJECT[:-1]) == []
    assert reader.push("}") == [call()]
    assert reader.push("\n</tool_call>\n") == []
    assert reader.push("b") == ["\nb"]
    assert reader.finish() == []


@st.composite
def cut(draw):
    """A text of fragments, and the same text in other pieces."""
    text = "".join(draw(st.lists(st.sampled_from(FRAGMENTS), max_size=12)))
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    return text, [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FORMATS), cut())
def test_however_a_text_is_cut_the_events_are_the_same(syntax, case) -> None:
    text, pieces = case
    assert read(syntax, pieces) == read(syntax, [text]) == read(syntax, list(text))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FORMATS), st.one_of(st.text(), cut().map(lambda case: case[0])))
def test_nothing_is_lost_but_the_marks_of_calls(syntax, text) -> None:
    place = 0
    for event in read(syntax, [text]):
        piece = event if isinstance(event, str) else event.arguments
        found = text.index(piece, place)
        assert MARKUP.fullmatch(text[place:found])
        place = found + len(piece)
    assert MARKUP.fullmatch(text[place:])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(NAMES)), st.dictionaries(st.text(), st.text() | st.integers())),
        min_size=1,
        max_size=3,
    )
)
def test_calls_with_any_arguments_are_found(calls) -> None:
    import json

    wanted = [FoundCall(name, json.dumps(arguments)) for name, arguments in calls]
    objects = [f'{{"name": "{each.name}", "arguments": {each.arguments}}}' for each in wanted]
    assert read("hermes", ["\n".join(f"<tool_call>\n{each}\n</tool_call>" for each in objects)]) == wanted
    assert read("llama", ["; ".join(objects)]) == wanted
    assert read("mistral", [f"[TOOL_CALLS] [{', '.join(objects)}]"]) == wanted
    assert read("mistral", ["".join(f"[TOOL_CALLS]{c.name}[ARGS]{c.arguments}" for c in wanted)]) == wanted


def test_a_long_call_is_read_in_time_that_grows_with_its_length() -> None:
    arguments = '{"a": "' + "}{" * 100_000 + '"}'
    text = f'<tool_call>{{"name": "get", "arguments": {arguments}}}'
    assert read("hermes", [text[at : at + 4] for at in range(0, len(text), 4)]) == [call(arguments=arguments)]
