"""What callers wrote, kept out of a template's sight: it sees placeholders, which are replaced in what it renders.

So the text around them is known to be the template's. A placeholder holds a quotation mark: when the template writes
it into a JSON string, the backslashes before the mark tell how often what it stands for is to be escaped.
"""

import json
import re
import secrets
from typing import Any

from textgen.codec import Part, TokenCodec


class Placeholders:
    """The placeholders of one rendering."""

    def __init__(self, codec: TokenCodec) -> None:
        self._codec = codec
        self._nonce = secrets.token_hex(8)
        self._texts: dict[str, int] = {}  # and their places, so that equal texts are equal to the template

    def hide(self, text: str) -> str:
        """A placeholder for a text; an empty one stays, since templates leave out what is empty."""
        if not text:
            return text
        return f'{self._nonce}"{self._texts.setdefault(text, len(self._texts))}x'

    def guard(self, value: Any) -> Any:
        """A JSON value whose strings, keys included, are hidden where they could be part of a special token.

        Templates compute with the others: with names of types, for instance.
        """
        if isinstance(value, str):
            return self.hide(value) if self._codec.may_spell_special(value) else value
        if isinstance(value, dict):
            return {self.guard(key): self.guard(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.guard(item) for item in value]
        return value

    def parts(self, rendered: str) -> list[Part]:
        """A rendered text, told apart into the template's and the callers'."""
        texts = list(self._texts)
        pieces = re.split(rf'{self._nonce}(\\*)"([0-9]+)x', rendered)
        found = [Part(pieces[0], trusted=True)]
        for slashes, place, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            text = texts[int(place)]
            for _ in range((len(slashes) + 1).bit_length() - 1):  # 1 after one escaping, 3 after two, …
                text = json.dumps(text, ensure_ascii=False)[1:-1]
            found += [Part(text, trusted=False), Part(after, trusted=True)]
        return found
