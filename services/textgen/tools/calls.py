"""Tools and calls of them, free of transport."""

from dataclasses import dataclass
from enum import Enum


class ToolMode(Enum):
    """Whether tools are to be called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for; parameters is a JSON schema as text, empty when it takes none."""

    name: str
    description: str = ""
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether tools are to be called; the name is the one of NAMED."""

    mode: ToolMode = ToolMode.AUTO
    name: str = ""

    @property
    def forced(self) -> bool:
        """Whether the answer must be a call."""
        return self.mode in (ToolMode.REQUIRED, ToolMode.NAMED)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call in a conversation; arguments is an object as JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A call in an answer; index is its place among those of its sequence, from 0."""

    index: int
    id: str
    name: str
    arguments: str
