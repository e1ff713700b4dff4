"""Makes a follow-up question one that can be searched for by itself."""

import re
from contextlib import aclosing

from gateway.backends import TextBackend
from gateway.domain.answer import Rewritten
from gateway.domain.ask import AskRequest, RewriteMethod, Rewriting
from gateway.domain.text import (
    ChatMessage,
    ChatRequest,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    Role,
    Sampling,
)
from gateway.rag.fields import renamed
from gateway.rag.packing import TEMPLATE_TOKENS, find_chat_model, token_counts
from gateway.rag.spending import Spending
from gateway.rag.words import words

INSTRUCTION = (
    "Rewrite the user's last question so that it can be understood without the conversation: put names in place of "
    "words that refer to something said before. Reply with the question alone, and don't answer it."
)
MAX_TOKENS = 96
_TURNS = 8  # the latest that a model is shown
_TURN_CHARACTERS = 1000  # of each
_TAKEN_WORDS = 32
_FIELDS = {"model": "rewrite.model", "messages": "question"}
_WORD = re.compile(r"\w+")


def from_history(question: str, history: tuple[ChatMessage, ...]) -> str:
    """The question after words of earlier ones that it lacks, those of the latest first.

    So a search has the names that a follow-up only points to. After historical query expansion (Lin et al., 2021,
    arXiv:2005.02230), without its scoring of words: a hybrid search weighs them itself.
    """
    known = {word.casefold() for word in _WORD.findall(question)}
    taken: list[str] = []
    for turn in reversed(history):
        for word in _WORD.findall(turn.content) if turn.role is Role.USER else ():
            if word.casefold() not in known and len(taken) < _TAKEN_WORDS:
                known.add(word.casefold())
                taken.append(word)
    return " ".join([*taken, question])


class Rewriter:
    """Rewrites by the words of earlier questions, or by a model on the text port."""

    def __init__(self, text: TextBackend) -> None:
        self._text = text

    async def rewrite(self, request: AskRequest, spending: Spending) -> Rewritten | None:
        """What to search for; None when there is nothing to rewrite or to rewrite by."""
        rewriting = request.rewrite
        if rewriting is None or not any(turn.role is Role.USER for turn in request.history):
            return None
        with spending.timed("rewrite"), renamed(_FIELDS):
            if rewriting.method is RewriteMethod.HISTORY:
                return Rewritten(from_history(request.question, request.history), "history")
            return await self._by_model(request, rewriting, spending)

    async def _by_model(self, request: AskRequest, rewriting: Rewriting, spending: Spending) -> Rewritten:
        name = rewriting.model or request.model
        shown = await self._transcript(request, name)
        asked = ChatRequest(
            model=name,
            messages=(ChatMessage(Role.SYSTEM, INSTRUCTION), ChatMessage(Role.USER, shown)),
            sampling=Sampling(temperature=0.0, max_tokens=MAX_TOKENS),
        )
        said, model = "", ""
        async with aclosing(self._text.chat(asked)) as events:
            async for event in events:
                match event:
                    case GenerationStarted():
                        model = event.model
                    case GenerationDelta():
                        said += event.text
                    case GenerationFinished():
                        spending.add_joules(event.energy_joules)
        return Rewritten(_question(said, shown) or request.question, model)

    async def _transcript(self, request: AskRequest, name: str) -> str:
        """The question after the latest turns, as many as the model's context holds if it is known."""
        turns = [turn for turn in request.history if turn.role is not Role.SYSTEM][-_TURNS:]
        spoken = [f"{turn.role.value.capitalize()}: {turn.content[:_TURN_CHARACTERS]}\n" for turn in turns]
        last = f"Last question: {request.question[:_TURN_CHARACTERS]}"
        model = find_chat_model(name, await self._text.list_models())
        if model is None:
            return "".join([*spoken, last])
        *counts, own, other = await token_counts(self._text, model.id, [*spoken, last, INSTRUCTION])
        room = model.context_length - TEMPLATE_TOKENS - MAX_TOKENS - own - other
        begin = len(spoken)
        while begin and counts[begin - 1] <= room:
            begin -= 1
            room -= counts[begin]
        return "".join([*spoken[begin:], last])


def _question(said: str, shown: str) -> str:
    """The question in what a model said; "" for something else, which has few of the conversation's words."""
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    first = first.removeprefix("Last question:").strip(" \"'“”")
    asked = words(first)
    return first if asked and len(asked & words(shown)) * 2 > len(asked) else ""
