"""The syntaxes by their names, and which of them a chat template speaks."""

from collections.abc import Callable

from textgen.tools import hermes, llama, mistral
from textgen.tools.syntax import CallSyntax

_FORMATS: dict[str, Callable[[str], CallSyntax]] = {
    "hermes": hermes.syntax,
    "llama": llama.syntax,
    "mistral": mistral.syntax,
}


def syntax_of(template: str, name: str = "auto") -> CallSyntax | None:
    """The named syntax or, for auto, the one whose marks a chat template holds; None when it holds none."""
    found = detect(template) if name == "auto" else name
    return None if found is None else _FORMATS[found](template)


def detect(template: str) -> str | None:
    """Name of the syntax that a chat template tells its model to write."""
    # Others write <tool_call> too, with XML in it, and name no member "arguments".
    if "<tool_call>" in template and '"arguments' in template:
        return "hermes"
    if "[TOOL_CALLS]" in template:
        return "mistral"
    # Llama's results come from the role ipython; others say "parameters" of tools alone.
    if "<|python_tag|>" in template or ("ipython" in template and '"parameters": ' in template):
        return "llama"
    return None
