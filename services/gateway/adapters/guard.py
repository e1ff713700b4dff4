"""The moderation port over a chat model of Llama Guard's kind, whose chat template holds its hazards.

It answers "safe", or "unsafe" and a line of hazards' codes (Inan et al. 2023, "Llama Guard"; codes as of version 3).
"""

import re
from collections.abc import Sequence
from contextlib import aclosing
from math import exp

from serving.errors import NotConfigured

from gateway.backends import TextBackend
from gateway.domain.moderation import Verdict
from gateway.domain.text import ChatMessage, ChatRequest, GenerationDelta, Role, Sampling, TokenLogprob

OPTION = "QUADRILLE_GATEWAY_MODERATION_MODEL"
_CATEGORIES = {
    "S1": "violence",
    "S2": "illicit",
    "S3": "sexual",
    "S4": "sexual/minors",
    "S5": "harassment",
    "S6": "specialized-advice",
    "S7": "privacy",
    "S8": "intellectual-property",
    "S9": "illicit/violent",
    "S10": "hate",
    "S11": "self-harm",
    "S12": "sexual",
    "S13": "elections",
    "S14": "illicit",
}
_ANSWER = re.compile(r"\s*(?:(safe)|unsafe\s+(S\d+(?:\s*,\s*S\d+)*))\s*")


class GuardModerator:
    """Moderator: asks the model for its verdict, greedily."""

    def __init__(self, text: TextBackend, model: str) -> None:
        self._text = text
        self._model = model

    @property
    def model(self) -> str:
        """The model that judges."""
        return self._model

    async def moderate(self, text: str) -> Verdict:
        """Scores are the probability of the token "unsafe" for what is named with it, 0 for all others."""
        sampling = Sampling(temperature=0.0, max_tokens=64, logprobs=0, seed=0)
        request = ChatRequest(self._model, (ChatMessage(Role.USER, text),), sampling)
        async with aclosing(self._text.chat(request)) as events:
            deltas = [event async for event in events if isinstance(event, GenerationDelta)]
        answer = _ANSWER.fullmatch("".join(delta.text for delta in deltas))
        if answer is None:
            raise NotConfigured(f"{self._model} does not judge as Llama Guard does", f"change {OPTION}")
        codes = re.findall(r"S\d+", answer[2] or "")
        flagged = frozenset(_CATEGORIES[code] for code in codes if code in _CATEGORIES)
        unsafe = _certainty([entry for delta in deltas for entry in delta.logprobs])
        return Verdict({name: unsafe if name in flagged else 0.0 for name in _CATEGORIES.values()}, flagged)


def _certainty(entries: Sequence[TokenLogprob]) -> float:
    """Probability of the token that begins the verdict: the first that is no space."""
    verdict = next((entry for entry in entries if entry.token.strip()), None)
    return 1.0 if verdict is None else exp(verdict.logprob)
