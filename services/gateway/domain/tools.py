"""Tools that a chat model may ask for, and its calls, as the gateway sees them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Tool:
    """A function; parameters is a JSON schema as text, empty when it takes none."""

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The choice of one tool."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call in a conversation; arguments is an object as JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of call `index` of its sequence; id and name are in the first piece, arguments is to be appended."""

    index: int
    id: str
    name: str
    arguments: str
