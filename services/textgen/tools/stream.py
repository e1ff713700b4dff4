"""The events of an answer, with the calls in its text told apart from the text."""

import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from textgen.domain import Delta, Finished, FinishReason, GenerationEvent
from textgen.tools.calls import ToolCallDelta
from textgen.tools.reader import CallParser, FoundCall

_ID = string.ascii_letters + string.digits


def call_id() -> str:
    """A new id: 9 letters and digits, which is what Mistral's templates ask for and no other minds."""
    return "".join(secrets.choice(_ID) for _ in range(9))


@dataclass(slots=True)
class _Sequence:
    parser: CallParser
    calls: int = 0


@dataclass(slots=True)
class CallStream:
    """One answer of one or several sequences; each has a parser of its own. Unless parallel, one call each."""

    new_parser: Callable[[], CallParser]
    parallel: bool
    _sequences: dict[int, _Sequence] = field(default_factory=dict)

    def take(self, event: GenerationEvent) -> list[GenerationEvent]:
        """What becomes of an event. Deltas stay one for one, and the last event may have some before it."""
        if isinstance(event, Delta):
            sequence = self._of(event.index)
            return [self._filled(event, sequence, sequence.parser.push(event.text))]
        if isinstance(event, Finished):
            left: list[GenerationEvent] = []
            for result in event.sequences:
                sequence = self._of(result.index)
                if found := sequence.parser.finish():
                    left.append(self._filled(Delta(result.index, "", ()), sequence, found))
            return [*left, self._ended(event)]
        return [event]

    def _of(self, index: int) -> _Sequence:
        if index not in self._sequences:
            self._sequences[index] = _Sequence(self.new_parser())
        return self._sequences[index]

    def _filled(self, delta: Delta, sequence: _Sequence, found: Iterable[str | FoundCall]) -> Delta:
        text, calls = "", []
        for item in found:
            if isinstance(item, str):
                text += item
            elif self.parallel or sequence.calls == 0:
                calls.append(ToolCallDelta(sequence.calls, call_id(), item.name, item.arguments))
                sequence.calls += 1
        return replace(delta, text=text, tool_calls=tuple(calls))

    def _ended(self, event: Finished) -> Finished:
        return replace(
            event,
            sequences=tuple(
                replace(result, finish_reason=FinishReason.TOOL_CALLS)
                if self._of(result.index).calls and result.finish_reason is FinishReason.STOP
                else result
                for result in event.sequences
            ),
        )
