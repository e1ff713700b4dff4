import pytest
from gateway.domain.answer import Rewritten
from gateway.domain.ask import AskRequest, RewriteMethod, Rewriting
from gateway.domain.text import ChatMessage, Role
from gateway.rag.rewriting import Rewriter, from_history
from gateway.rag.spending import Spending
from rag_fakes import Text
from serving.errors import InvalidInput

HISTORY = (
    ChatMessage(Role.USER, "Who founded Marrowmere?"),
    ChatMessage(Role.ASSISTANT, "Odile Brandt."),
    ChatMessage(Role.USER, "When did she live?"),
)


def ask(history=HISTORY, **options):
    return AskRequest(("c",), "And where?", history, rewrite=Rewriting(**options))


def test_words_of_earlier_questions_come_first_the_latest_before_others():
    assert from_history("And when?", HISTORY) == "did she live Who founded Marrowmere And when?"
    many = (ChatMessage(Role.USER, " ".join(f"w{number}" for number in range(100))),)
    assert len(from_history("why", many).split()) == 33


@pytest.mark.parametrize("method", list(RewriteMethod))
async def test_without_earlier_questions_nothing_is_rewritten(method):
    system = (ChatMessage(Role.SYSTEM, "Be brief."),)
    assert await Rewriter(Text()).rewrite(ask(system, method=method), Spending()) is None
    assert await Rewriter(Text()).rewrite(AskRequest(("c",), "?", HISTORY), Spending()) is None


async def test_a_model_is_shown_the_conversation_and_its_first_line_taken():
    text, spending = Text(['\n "Where did Odile Brandt live?"\nIt is a question.']), Spending()
    request = ask(model="writer")
    assert await Rewriter(text).rewrite(request, spending) == Rewritten(
        "Where did Odile Brandt live?", "chat"
    )
    (asked,) = text.chats
    assert asked.model == "writer"
    assert asked.messages[-1].content.endswith(
        "Assistant: Odile Brandt.\nUser: When did she live?\nLast question: And where?"
    )
    assert spending.timings().energy_joules == 1.0
    assert spending.timings().rewrite_ms > 0


@pytest.mark.parametrize("said", ["", "I cannot help with such requests at present", "..."])
async def test_what_is_no_question_of_the_conversation_is_not_taken(said):
    assert (await Rewriter(Text([said])).rewrite(ask(), Spending())).query == "And where?"


@pytest.mark.parametrize(("model", "shown"), [("", range(4, 8)), ("unlisted", range(8))])
async def test_a_model_is_shown_the_latest_turns_that_its_context_holds(model, shown):
    turns = tuple(ChatMessage(Role.USER, f"{number} " + "x " * 48) for number in range(8))
    text = Text(["?"])
    await Rewriter(text).rewrite(ask(turns, model=model), Spending())
    *lines, last = text.chats[0].messages[-1].content.splitlines()
    assert [int(line.split()[1]) for line in lines] == list(shown)
    assert last == "Last question: And where?"


@pytest.mark.parametrize(("theirs", "ours"), [("model", "rewrite.model"), ("messages", "question")])
async def test_what_the_model_refuses_is_named_as_the_asker_knows_it(theirs, ours):
    class Refusing(Text):
        async def chat(self, request):
            raise InvalidInput(theirs, "is bad")
            yield

    with pytest.raises(InvalidInput) as caught:
        await Rewriter(Refusing()).rewrite(ask(), Spending())
    assert caught.value.field == ours
