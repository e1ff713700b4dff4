import asyncio
import json
import re
import threading

import jsonschema
import numpy as np
import pytest
from serving.errors import InvalidInput, Overloaded
from textgen.domain import StructuredKind, StructuredOutput
from textgen.structured import StructuredCompiler

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 8},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
            "n": {"type": "integer", "minimum": 0, "maximum": 99},
        },
        "required": ["name", "tags", "n"],
        "additionalProperties": False,
    }
)


@pytest.fixture
def compiler(codec):
    made = StructuredCompiler(codec.state, 300, [0])
    yield made
    made.close()


def spec(kind: str, value: str) -> StructuredOutput:
    return StructuredOutput(StructuredKind(kind), value)


def walk(constraint, codec, seed: int, limit: int = 400) -> str:
    """Follow the mask at random, as a model that knows nothing would."""
    dice = np.random.default_rng(seed)
    data = b""
    for _ in range(limit):
        if constraint.finished():
            return data.decode()
        allowed = np.flatnonzero(np.unpackbits(constraint.bitmask().view(np.uint8), bitorder="little"))
        token_id = int(dice.choice(allowed))
        constraint.accept(token_id)
        if token_id == 0:
            return data.decode()
        data += codec.vocabulary.bytes_of(token_id)
    pytest.fail("no end")


async def test_any_walk_along_the_mask_satisfies_the_language(compiler, codec) -> None:
    for seed in range(5):
        (constraint,) = await compiler.compile(spec("json_schema", SCHEMA))
        jsonschema.validate(json.loads(walk(constraint, codec, seed)), json.loads(SCHEMA))
        (constraint,) = await compiler.compile(spec("regex", r"(ab|c){2,5}\d"))
        assert re.fullmatch(r"(ab|c){2,5}\d", walk(constraint, codec, seed))
        (constraint,) = await compiler.compile(spec("grammar", 'start: "x" NUM+ "!"\nNUM: /[0-9]/'))
        assert re.fullmatch(r"x\d+!", walk(constraint, codec, seed))


async def test_choices_may_hold_any_text(compiler, codec) -> None:
    choices = ('say "no"', "a\\b", "line\nbreak", "a|b", "漢字", "ab")
    found = set()
    for seed in range(30):
        (constraint,) = await compiler.compile(StructuredOutput(StructuredKind.CHOICE, choices=choices))
        found.add(walk(constraint, codec, seed))
    assert found <= set(choices)
    assert len(found) > 3


async def test_sequences_go_their_own_ways(compiler, codec) -> None:
    one, two = await compiler.compile(spec("regex", "[ab]{3}"), 2)
    one.accept(codec.encode("a")[0])
    assert walk(two, codec, 1) != ""
    assert len(walk(one, codec, 2)) == 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("json_schema", "{"),
        ("json_schema", '{"type": "strange"}'),
        ("json_schema", '{"a":' * 200 + "{}" + "}" * 200),
        ("json_schema", '{"items":' * 100 + "{}" + "}" * 100 + "]"),
        ("regex", "("),
        ("regex", r"(a)\1"),
        ("grammar", "start: missing"),
        ("grammar", "no rules at all"),
    ],
)
async def test_what_is_no_grammar_is_the_callers_fault(compiler, kind, value) -> None:
    with pytest.raises(InvalidInput) as caught:
        await compiler.compile(spec(kind, value))
    assert caught.value.field == f"sampling.structured_output.{kind}"
    assert 0 < len(caught.value.description) <= 500
    assert await compiler.compile(spec("regex", "a"))  # and harms nobody else


@pytest.mark.parametrize(
    ("kind", "value"),
    [("regex", r"[^\s\S]"), ("json_schema", '{"$ref": "#"}'), ("grammar", "start: start")],
)
async def test_a_language_without_a_text_is_refused_in_words(compiler, kind, value) -> None:
    (constraint,) = await compiler.compile(spec(kind, value))
    with pytest.raises(InvalidInput, match="allows no text at all"):
        constraint.bitmask()


async def test_a_grammar_that_explodes_on_the_way_ends_its_own_sequence_only(compiler, codec) -> None:
    exploding, harmless = [
        (await compiler.compile(spec("regex", regex)))[0]
        for regex in ("((a{1,999}){1,999}){1,999}", "a{1,999}")
    ]
    letter = codec.encode("a")[0]
    with pytest.raises(InvalidInput) as caught:
        for _ in range(500):
            exploding.bitmask()
            exploding.accept(letter)
    assert caught.value.field == "sampling.structured_output.regex"
    for _ in range(500):
        harmless.bitmask()
        harmless.accept(letter)


async def test_a_flood_of_grammars_does_not_grow_the_cache(codec) -> None:
    compiler = StructuredCompiler(codec.state, 300, [0], cache_size=4)
    for place in range(12):
        await compiler.compile(spec("regex", f"a{{{place}}}b"))
    assert len(compiler._cache) == 4
    await compiler.compile(spec("regex", "a{8}b"))
    await compiler.compile(spec("regex", "new"))
    assert spec("regex", "a{8}b") in compiler._cache  # the least recently used goes first
    compiler.close()


async def test_slow_grammars_are_refused_in_time_and_others_told_to_wait(codec, monkeypatch) -> None:
    compiler = StructuredCompiler(codec.state, 300, [0], timeout_s=0.05, threads=1)
    gate = threading.Event()
    monkeypatch.setattr(compiler, "_build", lambda _: gate.wait(30))
    slow, queued = await asyncio.gather(
        compiler.compile(spec("regex", "a")), compiler.compile(spec("regex", "b")), return_exceptions=True
    )
    assert isinstance(slow, InvalidInput)
    assert isinstance(queued, Overloaded)
    gate.set()
    compiler.close()


async def test_a_token_outside_the_language_is_an_error(compiler, codec) -> None:
    (constraint,) = await compiler.compile(spec("regex", "[ab]+"))
    with pytest.raises(InvalidInput):
        constraint.accept(codec.encode("x")[0])


async def test_a_language_holds_where_a_text_is_spelled_with_a_space_before_it(codec) -> None:
    state = json.loads(codec.state)
    state["pre_tokenizer"]["add_prefix_space"] = True
    spaced = StructuredCompiler(json.dumps(state), 300, [0])
    for seed in range(5):
        (constraint,) = await spaced.compile(spec("json_schema", SCHEMA))
        jsonschema.validate(json.loads(walk(constraint, codec, seed)), json.loads(SCHEMA))
    spaced.close()
