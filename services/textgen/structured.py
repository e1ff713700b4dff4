"""Constrained output by llguidance: a token mask computed for each step from the grammar and the text so far.

Grammars come from callers, so they are compiled off the device thread, within a time and within llguidance's
own limits, and kept in a bounded cache.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from threading import Lock

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from numpy.typing import NDArray
from packaging.version import Version
from serving.errors import InvalidInput, Overloaded

from textgen.domain import StructuredKind, StructuredOutput

# Spaces between the parts of a JSON text are bounded, or a weak model may go on with them for ever. The llguidance
# that vLLM pins does not know a pattern for them, so there are none.
JSON_OPTIONS: dict[str, str | bool] = (
    {"whitespace_flexible": False}
    if Version(version("llguidance")) < Version("1.8")
    else {"whitespace_pattern": r"[ \n\t]{1,8}", "whitespace_flexible": True}
)

_EMPTY = "NoExtensionBias"  # what llguidance calls a language without a text


class GrammarConstraint:
    """The state of one constrained sequence; implements the port Constraint."""

    def __init__(self, matcher: LLMatcher, field: str) -> None:
        self._matcher = matcher
        self._field = field

    def bitmask(self) -> NDArray[np.int32]:
        """Allowed tokens, one bit each, (ceil(vocabulary / 32),). InvalidInput when the grammar outgrows its limits."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.int32)
        self._check()
        return mask

    def accept(self, token_id: int) -> None:
        """Go on by a token that the mask allowed."""
        self._matcher.consume_token(token_id)
        self._check()

    def finished(self) -> bool:
        """Whether nothing more may follow."""
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        if self._matcher.is_error():
            raise InvalidInput(self._field, _sentence(self._matcher.get_error()))


class StructuredCompiler:
    """Compiles the structured outputs of one model."""

    def __init__(
        self,
        tokenizer_state: str,
        vocabulary_size: int,
        eos_ids: Sequence[int],
        *,
        timeout_s: float = 5.0,
        cache_size: int = 128,
        threads: int = 2,
    ) -> None:
        self._state = without_first_space(tokenizer_state)
        self._vocabulary_size = vocabulary_size
        self._eos_ids = list(eos_ids)
        self._timeout_s = timeout_s
        self._cache_size = cache_size
        self._cache: OrderedDict[StructuredOutput, LLMatcher] = OrderedDict()
        self._tokenizer: LLTokenizer | None = None
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="textgen-structured")

    async def compile(self, spec: StructuredOutput, count: int = 1) -> list[GrammarConstraint]:
        """Fresh constraints for count sequences.

        InvalidInput when the grammar is wrong, too complex, or not compiled in time; Overloaded when no
        thread became free to try.
        """
        field = spec.path
        matcher = self._cache.get(spec)
        if matcher is None:
            job = self._threads.submit(self._build, spec)
            done, _ = await asyncio.wait([asyncio.wrap_future(job)], timeout=self._timeout_s)
            if not done:
                if job.cancel():
                    raise Overloaded("other grammars are being compiled", retry_after_s=self._timeout_s)
                raise InvalidInput(field, f"takes longer than {self._timeout_s:g} s to compile")
            matcher = done.pop().result()
            if matcher.is_error():
                raise InvalidInput(field, _sentence(matcher.get_error()))
            self._cache[spec] = matcher
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(spec)
        return [GrammarConstraint(matcher.deep_copy(), field) for _ in range(count)]

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _build(self, spec: StructuredOutput) -> LLMatcher:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = LLTokenizer(
                    self._state, n_vocab=self._vocabulary_size, eos_token=self._eos_ids
                )
        limits = LLParserLimits(max_grammar_size=500_000, max_lexer_states=50_000, step_max_items=50_000)
        return LLMatcher(self._tokenizer, grammar_of(spec), log_level=0, limits=limits)


def without_first_space(tokenizer_state: str) -> str:
    """A byte-level tokenizer, as its JSON says, but that it puts no space before a text.

    The compiler spells what a grammar forces by this, and that goes on from other text.
    """
    state = json.loads(tokenizer_state)
    first = state.get("pre_tokenizer") or {}
    for part in first.get("pretokenizers", [first]):
        if part.get("type") == "ByteLevel":
            part["add_prefix_space"] = False
    return json.dumps(state)


def grammar_of(spec: StructuredOutput) -> str:
    """The language as llguidance writes it: JSON, or Lark for choices and grammars.

    InvalidInput for a schema that is no JSON.
    """
    match spec.kind:
        case StructuredKind.JSON_SCHEMA:
            try:
                return str(LLMatcher.grammar_from_json_schema(spec.value, overrides=JSON_OPTIONS))
            except ValueError as error:
                raise InvalidInput(spec.path, _sentence(str(error))) from error
        case StructuredKind.REGEX:
            return str(LLMatcher.grammar_from_regex(spec.value))
        case StructuredKind.GRAMMAR:
            return str(LLMatcher.grammar_from_lark(spec.value))
        case StructuredKind.CHOICE:
            choices = " | ".join(json.dumps(choice, ensure_ascii=False) for choice in spec.choices)
            return str(LLMatcher.grammar_from_lark(f"start: {choices}"))


def _sentence(error: str) -> str:
    """The first line of an error, short enough to send, and in words."""
    first = (error.strip().splitlines() or ["is not valid"])[0][:500]
    return "allows no text at all" if first == _EMPTY else first
