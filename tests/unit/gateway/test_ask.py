from gateway.domain.answer import (
    Abstention,
    AnswerDelta,
    AskFinished,
    Citation,
    Retrieved,
    Rewritten,
    SentenceSupport,
)
from gateway.domain.ask import AskRequest, Reranking, Rewriting
from gateway.domain.text import ChatMessage, Role
from gateway.metrics import GatewayMetrics
from gateway.rag.ask import Asker
from prometheus_client import CollectorRegistry
from rag_fakes import Retrieval, Text, hit

HITS = [hit("Whales sing at night. They are big."), hit("Cows eat grass.", "e")]


def asker(text, hits=HITS):
    return Asker(text, Retrieval(c=hits), GatewayMetrics(CollectorRegistry()))


async def test_stages_come_in_order_and_their_time_and_energy_add_up():
    text = Text(["When do whales sing?", "Whales make music. [1] Whales are big. [2]"])
    request = AskRequest(
        ("c",),
        "And when?",
        (ChatMessage(Role.USER, "Do whales sing?"),),
        rewrite=Rewriting(),
        rerank=Reranking("", 4),
        request_id="r",
    )
    events = [event async for event in asker(text).ask(request)]
    order = [type(event) for event in events if not isinstance(event, AnswerDelta)]
    assert order == [Rewritten, Retrieved, Citation, SentenceSupport, Citation, SentenceSupport, AskFinished]
    assert events[0].query == text.reranks[0][1] == "When do whales sing?"
    assert (events[1].request_id, events[1].history_message_count) == ("r", 1)
    assert (
        "".join(e.text for e in events if isinstance(e, AnswerDelta))
        == "Whales make music. [1] Whales are big. [2]"
    )
    cited = [event for event in events if isinstance(event, Citation)]
    assert [(each.supported, each.sentence_number) for each in cited] == [(True, 1), (False, 2)]
    finished = events[-1]
    # Rewriting, embedding the question, reranking, answering; judging both sentences, with their citations.
    assert finished.timings.energy_joules == 6.0
    assert (finished.groundedness.score, finished.abstention, finished.model) == (1.0, None, "chat")
    timings = finished.timings
    assert all(
        getattr(timings, f"{stage}_ms") > 0
        for stage in ("rewrite", "embed", "search", "rerank", "pack", "first_token", "generate", "support")
    )
    assert timings.first_token_ms <= timings.generate_ms <= timings.total_ms
    assert text.chats[1].messages[-1].content == "And when?", "the model is asked what was asked"


async def test_energy_that_one_pass_does_not_know_is_not_known():
    text = Text(["Whales sing at night. [1]"])
    text.joules = None
    events = [event async for event in asker(text).ask(AskRequest(("c",), "?"))]
    assert events[-1].timings.energy_joules is None


async def test_no_model_is_asked_about_nothing():
    text = Text()
    events = [event async for event in asker(text, []).ask(AskRequest(("c",), "?"))]
    assert [type(event) for event in events] == [Retrieved, AnswerDelta, AskFinished]
    assert (text.chats, events[-1].abstention) == ([], Abstention.NOTHING_FOUND)


async def test_leaving_early_ends_the_generation():
    class Endless(Text):
        ended = False

        async def chat(self, request):
            try:
                async for event in super().chat(request):
                    yield event
            finally:
                self.ended = True

    text = Endless(["Whales sing. " * 50])
    events = asker(text).ask(AskRequest(("c",), "?"))
    async for event in events:
        if isinstance(event, AnswerDelta):
            break
    assert not text.ended
    await events.aclose()
    assert text.ended
