"""Conversations rendered by the model's own chat template; a request can bring none.

The template runs in transformers' immutable Jinja sandbox. It sees placeholders instead of what users wrote,
so the text around them is known to be the template's: only there do special tokens count as tokens.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError
from serving.errors import InvalidInput
from transformers import PreTrainedTokenizerBase

from textgen.codec import Part, TokenCodec
from textgen.domain import ChatDocument, ChatMessage, Role
from textgen.placeholders import Placeholders
from textgen.tools.calls import Tool
from textgen.tools.json_text import parse_object

_NO_PARAMETERS = '{"type": "object", "properties": {}}'
_MARK = re.compile(r"<(?=\s*/?\s*documents\b)", re.IGNORECASE)
# What a template may raise over what callers brought, its own refusals among them.
_REFUSALS = (TemplateError, TypeError, ValueError, LookupError, RecursionError)


class ChatTemplate:
    """A model's chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, codec: TokenCodec) -> None:
        self._tokenizer: Any = tokenizer
        self._codec = codec
        self._knows_documents = "documents" in self._tokenizer.get_chat_template()
        # Some models have a template of its own for tools.
        self.tool_text: str = self._tokenizer.get_chat_template(tools=[])
        self.knows_tools = "tools" in self.tool_text

    def encode(
        self,
        messages: Sequence[ChatMessage],
        documents: Sequence[ChatDocument] = (),
        tools: Sequence[Tool] = (),
    ) -> list[int]:
        """Token ids of the conversation, up to where the answer begins. InvalidInput when the template refuses."""
        return self._codec.encode_parts(self.render(messages, documents, tools))

    def render(
        self,
        messages: Sequence[ChatMessage],
        documents: Sequence[ChatDocument] = (),
        tools: Sequence[Tool] = (),
    ) -> list[Part]:
        """The rendered conversation, told apart into the template's text and the users'."""
        if documents and not self._knows_documents:
            messages, documents = with_numbered(messages, documents), ()
        called = any(message.tool_calls or message.role is Role.TOOL for message in messages)
        if (tools or called) and not self.knows_tools:
            raise InvalidInput("tools" if tools else "messages", "the model's chat template knows no tools")
        hidden = Placeholders(self._codec)
        passages = [{"title": hidden.hide(each.title), "text": hidden.hide(each.text)} for each in documents]
        try:
            rendered: str = self._tokenizer.apply_chat_template(
                conversation(messages, hidden),
                documents=passages or None,
                tools=[function(tool, hidden) for tool in tools] or None,
                chat_template=self.tool_text if tools or called else None,
                tokenize=False,
                add_generation_prompt=True,
            )
        except _REFUSALS as error:
            raise InvalidInput("messages", f"the model's chat template refuses them: {error}") from error
        return hidden.parts(rendered)


def conversation(messages: Sequence[ChatMessage], hidden: Placeholders) -> list[dict[str, Any]]:
    """Messages as templates know them."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    turns: list[dict[str, Any]] = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role.value, "content": hidden.hide(message.content)}
        if message.tool_calls:
            turn["tool_calls"] = [
                {
                    "id": hidden.guard(call.id),
                    "type": "function",
                    "function": {
                        "name": call.name,
                        "arguments": hidden.guard(parse_object(call.arguments)),
                    },
                }
                for call in message.tool_calls
            ]
        if message.role is Role.TOOL:
            turn["tool_call_id"] = hidden.guard(message.tool_call_id)
            turn["name"] = names[message.tool_call_id]
        turns.append(turn)
    return turns


def function(tool: Tool, hidden: Placeholders) -> dict[str, Any]:
    """A tool as templates know it."""
    parameters = hidden.guard(parse_object(tool.parameters or _NO_PARAMETERS))
    about = {"name": tool.name, "description": hidden.guard(tool.description), "parameters": parameters}
    return {"type": "function", "function": about}


def with_numbered(messages: Sequence[ChatMessage], documents: Sequence[ChatDocument]) -> list[ChatMessage]:
    """The messages, with the documents before what the user said last."""
    turns = list(messages)
    last = max((place for place, turn in enumerate(turns) if turn.role is Role.USER), default=len(turns) - 1)
    turns[last] = replace(turns[last], content=f"{numbered(documents)}\n\n{turns[last].content}")
    return turns


def numbered(documents: Sequence[ChatDocument]) -> str:
    """Passages as a list: [1] title, text, … Its marks are in none of them, so none can pose as what comes after it."""
    items = "\n\n".join(
        f"[{number}] {each.title}\n{each.text}" if each.title else f"[{number}] {each.text}"
        for number, each in enumerate(documents, start=1)
    )
    return f"<documents>\n{_MARK.sub('‹', items)}\n</documents>"
