"""Calls as Llama 3 writes them: {"name": …, "parameters": {…}}, alone or after <|python_tag|>."""

import regex

from textgen.tools.syntax import GAP, CallSyntax, Spelling

_TAG = r"<\|python_tag\|>"


def syntax(template: str) -> CallSyntax:
    """The syntax; it is the same for all templates. They take one call a message, so one is what a grammar spells."""
    return CallSyntax(
        markers=("<|python_tag|>",),
        start=regex.compile(rf"{GAP}(?:{_TAG}{GAP})?\{{"),
        opening=regex.compile(rf"{_TAG}{GAP}\{{"),
        following=regex.compile(rf"{GAP};?{GAP}(?:{_TAG}{GAP})?\{{"),
        closing=regex.compile(""),
        spelling=Spelling(before_name='{"name": "', after_name='", "parameters": ', after_arguments="}"),
    )
