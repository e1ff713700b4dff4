"""What every Moderator promises, held against the one that asks a model of Llama Guard's kind."""

import pytest
from gateway.adapters.guard import GuardModerator
from gateway.domain.text import (
    FinishReason,
    GenerationDelta,
    GenerationFinished,
    GenerationStarted,
    SequenceResult,
    TokenLogprob,
    Usage,
)
from serving.errors import NotConfigured


class Model:
    """Says what it is told to say, a token for each word."""

    def __init__(self, answer):
        self.pieces = [piece for piece in answer.replace("\n", " \n ").split(" ") if piece]
        self.asked = []

    async def chat(self, request):
        self.asked.append(request)
        yield GenerationStarted("id", request.model, 1, 0)
        for piece in self.pieces:
            logprob = -0.25 if piece == "unsafe" else -0.0
            yield GenerationDelta(0, piece, (1,), (TokenLogprob(1, piece, logprob),))
        yield GenerationFinished((SequenceResult(0, FinishReason.STOP),), Usage())


@pytest.mark.parametrize(
    ("answer", "flagged"),
    [
        ("safe", set()),
        ("\n\nsafe", set()),
        ("\n\nunsafe\nS4", {"sexual/minors"}),
        ("unsafe\nS1,S10,S7", {"violence", "hate", "privacy"}),
        ("unsafe\nS2,S14", {"illicit"}),
    ],
)
async def test_what_is_flagged_has_a_score(answer, flagged):
    verdict = await GuardModerator(Model(answer), "guard").moderate("text")
    assert verdict.flagged == flagged
    assert {name for name, score in verdict.scores.items() if score} == flagged
    assert all(verdict.scores[name] == pytest.approx(0.7788, abs=1e-4) for name in flagged)


@pytest.mark.parametrize(
    "answer", ["", "I cannot say", "safely", "unsafe", "unsafe\nwhy", "safe\nunsafe\nS1"]
)
async def test_what_is_no_verdict_is_refused(answer):
    with pytest.raises(NotConfigured):
        await GuardModerator(Model(answer), "guard").moderate("text")


async def test_the_text_alone_is_judged_greedily():
    model = Model("safe")
    moderator = GuardModerator(model, "guard")
    await moderator.moderate("text")
    (request,) = model.asked
    assert (moderator.model, request.model) == ("guard", "guard")
    assert [(turn.role, turn.content) for turn in request.messages] == [("user", "text")]
    assert request.sampling.temperature == 0
