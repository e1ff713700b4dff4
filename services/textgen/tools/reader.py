"""Calls read out of text that comes in pieces, however it is cut."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from regex import Match

from textgen.tools.json_text import ObjectEnd, members, parse_object
from textgen.tools.syntax import CallSyntax


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A complete call; arguments is an object as JSON text."""

    name: str
    arguments: str


class CallParser(Protocol):
    """What tells calls from text. No text is lost: what turns out to be no call comes out as it went in."""

    def push(self, text: str) -> list[str | FoundCall]:
        """Take more text, and give what is known to be text or a call by now."""
        ...

    def finish(self) -> list[str | FoundCall]:
        """What was kept back, once no more will come."""
        ...


@dataclass(slots=True)
class _OpenCall:
    """A call that may not be complete: what stood before its object, and the object so far."""

    mark: str
    name: str | None
    end: ObjectEnd = field(default_factory=ObjectEnd)
    pieces: list[str] = field(default_factory=list)


class CallReader:
    """Implements the port CallParser for a syntax."""

    def __init__(self, syntax: CallSyntax, names: Collection[str]) -> None:
        """Names are those of the tools there are; a call of another is text."""
        self._syntax = syntax
        self._names = names
        self._held = ""
        self._begun = syntax.start is None
        self._after_call = False
        self._open: _OpenCall | None = None

    def push(self, text: str) -> list[str | FoundCall]:
        """Take more text, and give what is known to be text or a call by now."""
        self._held += text
        return self._read(ended=False)

    def finish(self) -> list[str | FoundCall]:
        """What was kept back, once no more will come."""
        return self._read(ended=True)

    def _read(self, *, ended: bool) -> list[str | FoundCall]:
        events: list[str | FoundCall] = []
        while self._held or (ended and self._open is not None):
            if self._open is not None:
                going = self._in_object(events, ended=ended)
            elif self._after_call:
                going = self._between(ended=ended)
            else:
                going = self._outside(events, ended=ended)
            if not going:
                break
        return events

    # Each of these takes a step from the beginning of what is held; False: more text has to come.

    def _in_object(self, events: list[str | FoundCall], *, ended: bool) -> bool:
        assert self._open is not None
        end = self._open.end.find(self._held)
        self._open.pieces.append(self._take(len(self._held) if end is None else end))
        if end is None and not ended:
            return False
        text = "".join(self._open.pieces)
        call = self._call(self._open.name, text)
        events.append(self._open.mark + text if call is None else call)
        self._open, self._after_call = None, call is not None
        return True

    def _between(self, *, ended: bool) -> bool:
        following = self._syntax.following.match(self._held, partial=not ended)
        if following is not None:
            return self._enter(following)
        self._after_call = False
        self._held = self._without_closing(self._held)
        if ended and self._held.isspace():  # it belongs to the calls
            self._held = ""
        return True

    def _outside(self, events: list[str | FoundCall], *, ended: bool) -> bool:
        if not self._begun and self._syntax.start is not None:
            start = self._syntax.start.match(self._held, partial=not ended)
            if start is not None:
                return self._enter(start)
        self._begun = True
        opening = self._syntax.opening.search(self._held, partial=not ended)
        if opening is None:
            events.append(self._take(len(self._held)))
            return False
        if opening.start() > 0:
            events.append(self._take(opening.start()))
            return True
        return self._enter(opening)

    def _enter(self, opening: Match[str]) -> bool:
        if opening.partial:
            return False
        mark = self._take(opening.end() - 1)
        if self._after_call:
            mark = self._without_closing(mark)
        self._begun = True
        self._open = _OpenCall(mark, opening.groupdict().get("name"))
        return True

    def _without_closing(self, text: str) -> str:
        closing = self._syntax.closing.match(text)
        return text if closing is None else text[closing.end() :]

    def _take(self, count: int) -> str:
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def _call(self, name: str | None, text: str) -> FoundCall | None:
        """The call that an object is, or None; name is that of the tool whose arguments it is, if it is known."""
        try:
            arguments = text
            if name is None:
                call = members(text)
                name = json.loads(call["name"])
                arguments = call["arguments"] if "arguments" in call else call["parameters"]
            parse_object(arguments)
        except (ValueError, KeyError, RecursionError):
            return None
        return FoundCall(name, arguments) if isinstance(name, str) and name in self._names else None
