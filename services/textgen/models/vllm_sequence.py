"""One sequence of a task in vLLM: its tokens become deltas, by the rules that the embedded engine has, too."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from textgen.channel import EventChannel, merged
from textgen.domain import SequenceResult
from textgen.metrics import ModelMetrics
from textgen.models.base import Sampled
from textgen.models.vllm_params import Stamps, prompt_tokens, ranked
from textgen.prompt_logprobs import PromptTeller
from textgen.sequence import SequenceState


class VllmSequence:
    """Follows vLLM's answers until the sequence has ended by our rules, then lets vLLM forget it."""

    def __init__(
        self,
        outputs: AsyncGenerator[Any, None],
        state: SequenceState,
        *,
        prompt: Sequence[int],
        top: int,
        channel: EventChannel,
        metrics: ModelMetrics,
        teller: PromptTeller | None = None,
        prompt_top: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """top, prompt_top: likeliest tokens to report at each place; teller: for who asks what the prompt's are."""
        self._outputs = outputs
        self._state = state
        self._prompt = prompt
        self._top = top
        self._teller = teller
        self._prompt_top = prompt_top
        self._channel = channel
        self._metrics = metrics
        self._clock = clock
        self._last: float | None = None
        self.cached = 0
        self.stamps: Stamps | None = None

    async def follow(self, on_first: Callable[[], None]) -> None:
        """Send deltas until the end; on_first is called at the first token. The stream's errors pass through."""
        async with aclosing(self._outputs) as outputs:
            async for output in outputs:
                self._time(output, on_first)
                if self._teller is not None and output.prompt_logprobs:
                    found = prompt_tokens(self._prompt, output.prompt_logprobs, self._prompt_top)
                    self._channel.send(prompt=self._teller.tell(1, found))
                self._take(output.outputs[0])
                if self._state.finish_reason is not None:
                    return
        raise RuntimeError("vLLM ended a sequence that may go on")

    def result(self) -> SequenceResult:
        """How it ended; only after it has."""
        return self._state.result()

    @property
    def token_count(self) -> int:
        """Tokens so far."""
        return self._state.token_count

    def _time(self, output: Any, on_first: Callable[[], None]) -> None:
        now = self._clock()
        if self._last is None:
            on_first()
            self.cached = output.num_cached_tokens or 0
            self._metrics.read(len(self._prompt) - self.cached)
        else:
            self._metrics.between_tokens(now - self._last)
        self._last = now
        self.stamps = output.metrics

    def _take(self, completion: Any) -> None:
        deltas = []
        for token_id, entries in zip(completion.token_ids, completion.logprobs, strict=True):
            sampled = Sampled(token_id, float(entries[token_id].logprob), ranked(entries, self._top))
            deltas.append(self._state.accept(sampled))
            if self._state.finish_reason is not None:  # what vLLM has sampled beyond the end is nobody's
                break
        if deltas:
            self._metrics.wrote(len(deltas))
            self._channel.send([merged(deltas)])
