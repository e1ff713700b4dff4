"""Text to tokens and back, with user text kept apart from control tokens.

Two copies of one tokenizer: the literal one reads the spelling of a special token as text, the parsing one
reads it as the token. Both are immutable, so any thread may use them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Encoding, Tokenizer

from textgen.domain import TokenSpan
from textgen.vocabulary import Vocabulary

_PROBE = "a"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text; in trusted text (a template's) special tokens are tokens, elsewhere text."""

    text: str
    trusted: bool


class TokenCodec:
    """A model's tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        state = tokenizer.to_str()
        self._parsing = self._copy(state, specials_are_text=False)
        self._literal = self._copy(state, specials_are_text=True)
        self.state = self._literal.to_str()
        self.vocabulary = Vocabulary(self._literal)
        specials = sorted(self.vocabulary.specials, key=len, reverse=True)
        self._special = re.compile("|".join(re.escape(token) for token in specials) or r"(?!)")
        self._marks = {char for token in specials for char in token if not (char.isalnum() or char in " _-")}
        # Where the model's own special tokens go is learnt from a probe: [CLS] a [SEP], <s> a, …
        bare = self._literal.encode(_PROBE, add_special_tokens=False).ids
        full = self._literal.encode(_PROBE, add_special_tokens=True).ids
        start = next(i for i in range(len(full) + 1) if full[i : i + len(bare)] == bare)
        self._prefix, self._suffix = full[:start], full[start + len(bare) :]

    @staticmethod
    def _copy(state: str, *, specials_are_text: bool) -> Tokenizer:
        tokenizer = Tokenizer.from_str(state)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = specials_are_text
        return tokenizer

    @property
    def special_count(self) -> int:
        """Tokens that `wrap` adds."""
        return len(self._prefix) + len(self._suffix)

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids of a text, special tokens in it being text; with special, the model's own around it."""
        ids: list[int] = self._literal.encode(text, add_special_tokens=False).ids
        return self.wrap(ids) if special else ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The same of many texts, without the model's own special tokens; on as many threads as the tokenizer takes."""
        return [each.ids for each in self._literal.encode_batch_fast(texts, add_special_tokens=False)]

    def wrap(self, ids: Sequence[int]) -> list[int]:
        """Put the model's own special tokens around a text's ids."""
        return [*self._prefix, *ids, *self._suffix]

    def may_spell_special(self, text: str) -> bool:
        """Whether a text spells a special token, or has a character that marks one and so might with text beside it."""
        return not self._marks.isdisjoint(text) or self._special.search(text) is not None

    def encode_parts(self, parts: Sequence[Part]) -> list[int]:
        """Ids of trusted and untrusted text in a row; no special tokens are added around it.

        Exactly the tokens of the whole text, unless untrusted text spells special tokens: then the runs
        between trusted special tokens are encoded one by one.
        """
        whole = "".join(part.text for part in parts)
        trusted = [token for part in parts if part.trusted for token in self._special.findall(part.text)]
        if self._special.findall(whole) == trusted:
            ids: list[int] = self._parsing.encode(whole, add_special_tokens=False).ids
            return ids
        runs: list[str] = [""]
        tokens: list[int] = []
        for part in parts:
            pieces = self._special.split(part.text) if part.trusted else [part.text]
            found = self._special.findall(part.text) if part.trusted else []
            runs[-1] += pieces[0]
            for token, piece in zip(found, pieces[1:], strict=True):
                tokens.append(self.vocabulary.specials[token].token_id)
                runs.append(piece)
        return self._join(runs, tokens)

    def encode_masked(self, text: str, mask: str) -> tuple[list[int], list[int]]:
        """Ids of a text with mask tokens, the model's own around it, and the masks' places among them."""
        token = self.vocabulary.specials[mask]
        runs = text.split(mask)
        if token.lstrip:
            runs = [*(run.rstrip() for run in runs[:-1]), runs[-1]]
        if token.rstrip:
            runs = [runs[0], *(run.lstrip() for run in runs[1:])]
        ids = self.wrap(self._join(runs, [token.token_id] * (len(runs) - 1)))
        return ids, [place for place, token_id in enumerate(ids) if token_id == token.token_id]

    def _join(self, runs: Sequence[str], tokens: Sequence[int]) -> list[int]:
        ids = self.encode(runs[0], special=False)
        for token_id, run in zip(tokens, runs[1:], strict=True):
            ids += [token_id, *(self.encode(run, special=False) if run else [])]
        return ids

    def encode_pairs(
        self, first: str, seconds: Sequence[str], limit: int
    ) -> list[tuple[list[int], list[int]]]:
        """Ids and token type ids of a text with each of others, which are cut so that both fit limit tokens."""
        left = self._literal.encode(first, add_special_tokens=False)
        room = max(0, limit - len(left.ids) - self._literal.num_special_tokens_to_add(True))
        pairs = []
        for right in self._literal.encode_batch_fast(seconds, add_special_tokens=False):
            right.truncate(room)
            pair = self._literal.post_process(left, right, True)
            pairs.append((pair.ids, pair.type_ids))
        return pairs

    def pair_room(self, first: str, limit: int) -> int:
        """Tokens that are left for the second text of a pair."""
        return (
            limit
            - len(self.encode(first, special=False))
            - int(self._literal.num_special_tokens_to_add(True))
        )

    def spans(self, text: str, *, special: bool) -> list[TokenSpan]:
        """The tokens of a text with the bytes they cover; the model's own cover none."""
        encoding = self._literal.encode(text, add_special_tokens=False)
        inner = [
            TokenSpan(token_id, self.vocabulary.spelling(token_id), start, end)
            for token_id, (start, end) in zip(encoding.ids, self._byte_offsets(text, encoding), strict=True)
        ]
        if not special:
            return inner
        end = len(text.encode())
        before = [TokenSpan(token_id, self.vocabulary.spelling(token_id), 0, 0) for token_id in self._prefix]
        after = [
            TokenSpan(token_id, self.vocabulary.spelling(token_id), end, end) for token_id in self._suffix
        ]
        return [*before, *inner, *after]

    def _byte_offsets(self, text: str, encoding: Encoding) -> list[tuple[int, int]]:
        # The tokens' own bytes are exact even inside a character, when they add up to the text.
        data = text.encode()
        sizes = [self.vocabulary.bytes_of(token_id) for token_id in encoding.ids]
        joined = b"".join(sizes)
        if joined in (data, b" " + data):
            shift, place, spans = len(joined) - len(data), 0, []
            for size in sizes:
                spans.append((max(0, place - shift), max(0, place + len(size) - shift)))
                place += len(size)
            return spans
        at = [0]
        for char in text:
            at.append(at[-1] + len(char.encode()))
        return [(at[start], at[end]) for start, end in encoding.offsets]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text of tokens; broken bytes show as U+FFFD, ids without a token as nothing."""
        text: str = self._literal.decode(list(ids), skip_special_tokens=skip_special)
        return text
