"""Tools that a chat model may ask for, and its calls."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

ToolMode = Literal["auto", "none", "required"]


class ToolName(TypedDict):
    """The choice of one tool."""

    name: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function; parameters is a JSON schema of an object, as a mapping or as JSON text. Empty: it takes none."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | str = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for; arguments is an object as JSON text."""

    id: str
    name: str
    arguments: str

    def parse(self) -> dict[str, Any]:
        """The arguments."""
        parsed: dict[str, Any] = json.loads(self.arguments)
        return parsed


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of call `index` of its sequence; id and name are in the first piece, arguments is to be appended."""

    index: int
    id: str
    name: str
    arguments: str
