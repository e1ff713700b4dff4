"""Questions that build upon each other."""

from collections.abc import Callable, Sequence
from typing import Unpack

from quadrille_client._async.streams import AsyncAnswerStream
from quadrille_client.types import rag as types
from quadrille_client.types.text import Message

MAX_MESSAGES = 32


class AsyncConversation:
    """Remembers what was asked and answered: the latest 32 messages, of which the server uses what fits.

    Unless the options say otherwise, what is searched for is the question with words of earlier ones (`rewrite`).
    """

    def __init__(
        self,
        stream_ask: Callable[..., AsyncAnswerStream],
        collection: str | Sequence[str],
        options: types.AskOptions,
    ) -> None:
        self._stream_ask = stream_ask
        self._collection = collection
        self._options = types.AskOptions(rewrite="history") | options
        self.history: list[Message] = list(self._options.pop("history", ()))

    def stream_ask(self, question: str, **options: Unpack[types.AskOptions]) -> AsyncAnswerStream:
        """Answer a question, event by event; these options are for it alone. Its answer is not remembered by itself."""
        merged = self._options | options
        return self._stream_ask(self._collection, question, history=self.history, **merged)

    async def ask(self, question: str, **options: Unpack[types.AskOptions]) -> types.Answer:
        """Answer a question and remember it; these options are for it alone."""
        answer = await self.stream_ask(question, **options).collect()
        self.remember(question, answer.text)
        return answer

    def remember(self, question: str, answer: str) -> None:
        """Take up an exchange, e.g. one that was streamed."""
        self.history += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        del self.history[:-MAX_MESSAGES]
