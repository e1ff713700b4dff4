import json

import jsonschema
import numpy as np
import pytest
from serving.errors import InvalidInput
from textgen.codec import TokenCodec
from textgen.domain import StructuredKind, StructuredOutput
from textgen.structured import StructuredCompiler
from textgen.tools.calls import Tool
from textgen.tools.formats import syntax_of
from textgen.tools.grammar import MAX_CALLS, call_grammar
from textgen.tools.reader import CallReader, FoundCall
from tokenizers import Tokenizer

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", '"<tool_call>"']}, "n": {"type": "integer", "maximum": 9}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [Tool("get-it", "", json.dumps(SCHEMA)), Tool("stop")]
TEMPLATES = {"hermes": "", "llama": "", "mistral": "", "mistral-named": "[ARGS]"}


def codec_with(bpe, tokens, *, special):
    tokenizer = Tokenizer.from_str(bpe.to_str())
    (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(tokens)
    return TokenCodec(tokenizer)


async def walk(codec, syntax, tools, seed, *, several):
    """An answer that a model without a thought would give."""
    size = len(codec.vocabulary._bytes)
    compiler = StructuredCompiler(codec.state, size, [0])
    grammar = call_grammar(syntax, tools, codec.vocabulary.added, several=several)
    (constraint,) = await compiler.compile(StructuredOutput(StructuredKind.GRAMMAR, grammar, field="tools"))
    compiler.close()
    dice, data = np.random.default_rng(seed), b""
    for _ in range(4000):
        if constraint.finished():
            break
        allowed = np.flatnonzero(np.unpackbits(constraint.bitmask().view(np.uint8), bitorder="little"))
        token_id = int(dice.choice(allowed))
        constraint.accept(token_id)
        if token_id == 0:
            break
        data += codec.vocabulary.bytes_of(token_id)
    return data.decode()


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("tokens", ["none", "added", "special"])
async def test_any_walk_along_the_mask_is_calls_that_satisfy_their_schemas(bpe, name, tokens) -> None:
    syntax = syntax_of(TEMPLATES[name], name.partition("-")[0])
    markers = [] if tokens == "none" else list(syntax.markers)
    codec = codec_with(bpe, markers, special=tokens == "special")
    for seed in range(4):
        text = await walk(codec, syntax, TOOLS, seed, several=True)
        reader = CallReader(syntax, {tool.name for tool in TOOLS})
        calls = reader.push(text) + reader.finish()
        assert 1 <= len(calls) <= MAX_CALLS
        for call in calls:
            assert isinstance(call, FoundCall)
            value = json.loads(call.arguments)
            jsonschema.validate(value, SCHEMA) if call.name == "get-it" else json.dumps(value) == "{}"


async def test_one_call_is_one(bpe, codec) -> None:
    syntax = syntax_of("", "hermes")
    for seed in range(4):
        text = await walk(codec, syntax, TOOLS[1:], seed, several=False)
        assert text.startswith('<tool_call>\n{"name": "stop", "arguments": {')
        assert text.count("<tool_call>") == 1


async def test_a_schema_that_says_nothing_of_spaces_says_nothing_of_the_compiler_either(codec) -> None:
    tool = Tool("a", "", '{"type": "object", "x-guidance": 3, "additionalProperties": false}')
    assert await walk(codec, syntax_of("", "llama"), [tool], 1, several=True)


async def test_a_schema_that_cannot_be_compiled_is_refused(codec) -> None:
    tool = Tool("a", "", '{"type": "object", "properties": {"b": {"type": "strange"}}}')
    with pytest.raises(InvalidInput) as caught:
        await walk(codec, syntax_of("", "llama"), [tool], 1, several=True)
    assert caught.value.field == "tools"
