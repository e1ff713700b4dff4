"""Calls as Mistral's models write them.

Up to tokenizers of version 7, [TOOL_CALLS] [{"name": …, "arguments": {…}}, …]; from version 11 on,
[TOOL_CALLS]name[ARGS]{…} for each call, in some with [CALL_ID] and an id after the name.
"""

import regex

from textgen.tools.syntax import GAP, CallSyntax, Spelling

_NAME = rf"(?P<name>[A-Za-z0-9_-]{{1,64}}){GAP}(?:\[CALL_ID\]{GAP}\w{{1,64}}{GAP})?(?:\[ARGS\]{GAP})?"
_OPENING = rf"\[TOOL_CALLS\]{GAP}(?:\[{GAP}|{_NAME})?\{{"


def syntax(template: str) -> CallSyntax:
    """The syntax; what a grammar spells is the form that the template has."""
    return CallSyntax(
        markers=("[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"),
        opening=regex.compile(_OPENING),
        following=regex.compile(rf"{GAP}(?:,{GAP}\{{|\]?{GAP}{_OPENING})"),
        closing=regex.compile(rf"{GAP}\]"),
        spelling=_named() if "[ARGS]" in template else _list(template),
    )


def _named() -> Spelling:
    return Spelling(before_name="[TOOL_CALLS]", after_name="[ARGS]", after_arguments="", between="")


def _list(template: str) -> Spelling:
    gap = "" if "[TOOL_CALLS][" in template else " "
    return Spelling(
        first=f"[TOOL_CALLS]{gap}[",
        before_name='{"name": "',
        after_name='", "arguments": ',
        after_arguments="}",
        between=", ",
        last="]",
    )
