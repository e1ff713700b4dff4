"""Calls as Hermes and Qwen 2.5 and 3 write them: <tool_call>{"name": …, "arguments": {…}}</tool_call>."""

import regex

from textgen.tools.syntax import GAP, CallSyntax, Spelling

_OPENING = rf"<tool_call>{GAP}\{{"


def syntax(template: str) -> CallSyntax:
    """The syntax; it is the same for all templates."""
    return CallSyntax(
        markers=("<tool_call>", "</tool_call>"),
        opening=regex.compile(_OPENING),
        following=regex.compile(rf"{GAP}(?:</tool_call>)?{GAP}{_OPENING}"),
        closing=regex.compile(rf"{GAP}</tool_call>"),
        spelling=Spelling(
            before_name='<tool_call>\n{"name": "',
            after_name='", "arguments": ',
            after_arguments="}\n</tool_call>",
            between="\n",
        ),
    )
