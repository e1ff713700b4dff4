"""Conversations rendered by the model's own chat template; a request can bring none.

The template runs in transformers' immutable Jinja sandbox. It sees placeholders instead of what users wrote,
so the text around them is known to be the template's: only there do special tokens count as tokens.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from serving.errors import InvalidInput
from transformers import PreTrainedTokenizerBase

from textgen.codec import Part, TokenCodec
from textgen.domain import ChatDocument, ChatMessage


class ChatTemplate:
    """A model's chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, codec: TokenCodec) -> None:
        self._tokenizer: Any = tokenizer
        self._codec = codec
        self._knows_documents = "documents" in self._tokenizer.get_chat_template()

    def encode(self, messages: Sequence[ChatMessage], documents: Sequence[ChatDocument] = ()) -> list[int]:
        """Token ids of the conversation, up to where the answer begins. InvalidInput when the template refuses."""
        return self._codec.encode_parts(self.render(messages, documents))

    def render(self, messages: Sequence[ChatMessage], documents: Sequence[ChatDocument] = ()) -> list[Part]:
        """The rendered conversation, told apart into the template's text and the users'."""
        if documents and not self._knows_documents:
            last = messages[-1]
            content = f"{numbered(documents)}\n\n{last.content}"
            messages, documents = [*messages[:-1], ChatMessage(last.role, content)], ()
        nonce = secrets.token_hex(8)
        contents: list[str] = []

        def placeholder(text: str) -> str:
            if not text:  # templates leave out what is empty
                return text
            contents.append(text)
            return f"{nonce}x{len(contents) - 1}x"

        conversation = [
            {"role": message.role.value, "content": placeholder(message.content)} for message in messages
        ]
        passages = [{"title": placeholder(each.title), "text": placeholder(each.text)} for each in documents]
        try:
            rendered: str = self._tokenizer.apply_chat_template(
                conversation, documents=passages or None, tokenize=False, add_generation_prompt=True
            )
        except TemplateError as error:
            raise InvalidInput("messages", f"the model's chat template refuses them: {error}") from error
        pieces = re.split(f"{nonce}x([0-9]+)x", rendered)
        return [
            Part(piece, trusted=True) if place % 2 == 0 else Part(contents[int(piece)], trusted=False)
            for place, piece in enumerate(pieces)
        ]


def numbered(documents: Sequence[ChatDocument]) -> str:
    """Passages as a list: [1] title, text, …"""
    return "\n\n".join(
        f"[{number}] {each.title}\n{each.text}" if each.title else f"[{number}] {each.text}"
        for number, each in enumerate(documents, start=1)
    )
