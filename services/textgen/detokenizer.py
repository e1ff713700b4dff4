"""Incremental detokenization that never splits a character."""

import codecs

from textgen.vocabulary import Vocabulary


class Detokenizer:
    """Turns tokens into text as they come.

    Works on bytes, so that an incomplete character is told from a broken one: the first is withheld until
    its last byte comes or the sequence ends, the second shows as U+FFFD at once. Special tokens are no text.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, starts_text: bool = False, shown: frozenset[int] = frozenset()
    ) -> None:
        """With starts_text the output begins a text of its own, so a leading space is no part of it.

        Shown are the special tokens that are text nevertheless.
        """
        self._vocabulary = vocabulary
        self._hidden = vocabulary.special_ids - shown
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._strip = starts_text

    def push(self, token_id: int) -> str:
        """The text that the token completes; may be empty."""
        if token_id in self._hidden:
            return ""
        text = self._decoder.decode(self._vocabulary.bytes_of(token_id))
        if self._strip and text:
            self._strip = False
            text = text.removeprefix(" ")
        return text

    def flush(self) -> str:
        """What is left of an incomplete character, as U+FFFD, once the sequence has ended."""
        return self._decoder.decode(b"", final=True)
