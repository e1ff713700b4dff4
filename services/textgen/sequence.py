"""One generated sequence: its text, its end, its likelihood."""

from collections.abc import Callable

from textgen.detokenizer import Detokenizer
from textgen.domain import Delta, FinishReason, SequenceResult, TokenLogprob
from textgen.models.base import Constraint, Sampled
from textgen.stops import StopMatcher


class SequenceState:
    """Takes chosen tokens and says what may be shown, until the sequence has ended."""

    def __init__(
        self,
        index: int,
        *,
        max_tokens: int,
        end_ids: frozenset[int],
        stops: StopMatcher,
        detokenizer: Detokenizer,
        constraint: Constraint | None = None,
        describe: Callable[[int], str] | None = None,
    ) -> None:
        """describe, when given, names a token for log-probabilities; without it none are reported."""
        self._index = index
        self._max_tokens = max_tokens
        self._end_ids = end_ids
        self._stops = stops
        self._detokenizer = detokenizer
        self._constraint = constraint
        self._describe = describe
        self._logprob = 0.0
        self.token_count = 0
        self.finish_reason: FinishReason | None = None

    def accept(self, sampled: Sampled) -> Delta:
        """Go on by a token. Errors of the constraint pass through."""
        self.token_count += 1
        self._logprob += sampled.logprob
        if self._constraint is not None:
            self._constraint.accept(sampled.token_id)
        text = ""
        if sampled.token_id in self._end_ids:
            self.finish_reason = FinishReason.STOP
        else:
            text = self._stops.push(self._detokenizer.push(sampled.token_id))
            if self._stops.matched is not None or (
                self._constraint is not None and self._constraint.finished()
            ):
                self.finish_reason = FinishReason.STOP
            elif self.token_count >= self._max_tokens:
                self.finish_reason = FinishReason.LENGTH
        if self.finish_reason is not None:
            text += self._stops.push(self._detokenizer.flush()) + self._stops.flush()
            if self._stops.matched is not None:
                self.finish_reason = FinishReason.STOP
        logprobs = () if self._describe is None else (described(sampled, self._describe),)
        return Delta(self._index, text, (sampled.token_id,), logprobs)

    def result(self) -> SequenceResult:
        """How it ended; only after it has."""
        assert self.finish_reason is not None
        return SequenceResult(self._index, self.finish_reason, self._stops.matched, self._logprob)


def described(sampled: Sampled, describe: Callable[[int], str]) -> TokenLogprob:
    """A token's log-probability as it is reported; describe names a token."""
    top = tuple(TokenLogprob(token_id, describe(token_id), value) for token_id, value in sampled.top)
    return TokenLogprob(sampled.token_id, describe(sampled.token_id), sampled.logprob, top)
