"""The bytes that each token of a vocabulary stands for.

Byte-level BPE spells bytes as printable characters (the table of GPT-2's encoder.py); SentencePiece models
write a space as U+2581 and unknown bytes as <0xNN>; WordPiece marks a continued word by a prefix.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

_SPACE = "\u2581"


def _byte_alphabet() -> dict[str, int]:
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _decoders(decoder: dict[str, Any] | None) -> list[dict[str, Any]]:
    if decoder is None:
        return []
    if decoder["type"] == "Sequence":
        return [inner for part in decoder["decoders"] for inner in _decoders(part)]
    return [decoder]


@dataclass(frozen=True, slots=True)
class SpecialToken:
    """A control token; lstrip and rstrip say whether it swallows the spaces beside it."""

    token_id: int
    lstrip: bool
    rstrip: bool


class Vocabulary:
    """Spelling and bytes of every token. Ids without a token have no bytes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        state = json.loads(tokenizer.to_str())
        kinds = {part["type"]: part for part in _decoders(state["decoder"])}
        added = {token["id"]: token for token in state["added_tokens"]}
        self.added = {token["content"]: i for i, token in added.items()}
        self.special_ids = frozenset(i for i, token in added.items() if token["special"])
        self.specials = {
            token["content"]: SpecialToken(i, token["lstrip"], token["rstrip"])
            for i, token in added.items()
            if token["special"]
        }
        alphabet = _byte_alphabet() if "ByteLevel" in kinds else None
        spaced = "Metaspace" in kinds or any(
            part.get("pattern") == {"String": _SPACE} for part in kinds.values() if part["type"] == "Replace"
        )
        # Such a tokenizer puts a space before a text's first word, and takes it away again.
        self._strips = kinds.get("Strip", {}).get("start", 0) > 0 or (
            kinds.get("Metaspace", {}).get("prepend_scheme", "never") != "never"
        )
        # Without a decoder, tokens are words that a space keeps apart; WordPiece glues continuations.
        joined = kinds.get("WordPiece", {}).get("prefix", "") if "WordPiece" in kinds else None
        words = not kinds
        size = tokenizer.get_vocab_size(with_added_tokens=True)
        self._spelling = [tokenizer.id_to_token(i) or "" for i in range(max([size, *(i + 1 for i in added)]))]
        self._bytes: list[bytes] = []
        for token_id, token in enumerate(self._spelling):
            if token_id in added:
                value = token.encode()
            elif alphabet is not None:
                value = bytes(alphabet[char] for char in token if char in alphabet)
            elif spaced:
                value = self._piece(token)
            elif joined is not None:
                value = (
                    token.removeprefix(joined) if joined and token.startswith(joined) else " " + token
                ).encode()
            else:
                value = ((" " if words and token else "") + token).encode()
            self._bytes.append(value)

    @staticmethod
    def _piece(token: str) -> bytes:
        if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            return bytes([int(token[3:5], 16)])
        return token.replace(_SPACE, " ").encode()

    def begins_text(self, before: Sequence[int]) -> bool:
        """Whether what follows `before` is a text of its own, whose first space is only its spelling.

        So it is after a control token, as in a chat, if the tokenizer spells texts that way.
        """
        return self._strips and bool(before) and before[-1] in self.special_ids

    def spelling(self, token_id: int) -> str:
        """The token as the vocabulary spells it; empty for an id without a token."""
        return self._spelling[token_id] if token_id < len(self._spelling) else ""

    def bytes_of(self, token_id: int) -> bytes:
        """The bytes that the token adds to a text."""
        return self._bytes[token_id] if token_id < len(self._bytes) else b""

    def text_of(self, token_id: int) -> str:
        """The token as text; bytes that are no whole character show as U+FFFD."""
        return self.bytes_of(token_id).decode("utf-8", "replace")
