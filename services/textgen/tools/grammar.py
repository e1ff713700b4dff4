"""A Lark grammar, as llguidance reads it, of an answer that is calls and nothing else."""

import json
import re
from collections.abc import Mapping, Sequence

from textgen.structured import JSON_OPTIONS
from textgen.tools.calls import Tool
from textgen.tools.json_text import parse_object
from textgen.tools.syntax import CallSyntax

# Of a model that would go on for ever.
MAX_CALLS = 16
NO_ARGUMENTS = '{"type": "object", "properties": {}, "additionalProperties": false}'


def call_grammar(
    syntax: CallSyntax, tools: Sequence[Tool], tokens: Mapping[str, int], *, several: bool
) -> str:
    """Calls of these tools, with arguments that satisfy their schemas: one, or several where the syntax has them.

    Tokens holds the ids of the added tokens by their spelling: where a marker is one of them, the model writes it so.
    """
    spelling = syntax.spelling

    def literal(text: str) -> str:
        marks = "|".join(re.escape(marker) for marker in syntax.markers)
        pieces = [piece for piece in re.split(f"({marks})", text) if piece]
        ids = {marker: tokens[marker] for marker in syntax.markers if marker in tokens}
        return " ".join(f"<[{ids[piece]}]>" if piece in ids else json.dumps(piece) for piece in pieces)

    places = range(len(tools))
    between = spelling.between if several else None
    more = "" if between is None else f"({literal(between)} call){{0,{MAX_CALLS - 1}}}"
    rules = [
        f"start: {literal(spelling.first)} call {more} {literal(spelling.last)}",
        f"call: {' | '.join(f'call_{place}' for place in places)}",
    ]
    for place, tool in enumerate(tools):
        head = literal(f"{spelling.before_name}{tool.name}{spelling.after_name}")
        schema = {**parse_object(tool.parameters or NO_ARGUMENTS), "x-guidance": JSON_OPTIONS}
        rules += [
            f"call_{place}: {head} arguments_{place} {literal(spelling.after_arguments)}",
            f"arguments_{place}: %json {json.dumps(schema)}",
        ]
    return "\n".join(rules)
