"""Answers made by hand."""

import pytest
from quadrille_client.types.rag import Answer, AskFinished, Citation, Groundedness, Passage, SentenceSupport
from quadrille_client.types.retrieval import Hit
from quadrille_client.types.text import Usage


def make_hit(document, start=0, end=10):
    return Hit(f"{document}#0", document, 0, "", "", "", start, end, {}, 0.5, None, None, "")


@pytest.fixture
def make_answer():
    """An answer of sentences, each a list of whether its citations support it."""

    def make(sentences=(), *, text="", documents=("a",), cited="a", invalid=0, abstention=None, **more):
        citations = tuple(
            Citation(1, f"{cited}#0", cited, 0, 10, 0, 0, "", sentence_number=number, supported=right)
            for number, marks in enumerate(sentences, start=1)
            for right in marks
        )
        judged = tuple(
            SentenceSupport(number, 0, 0, 1.0, True, 1, None, (), False)
            for number in range(1, len(sentences) + 1)
        )
        support = Groundedness(1.0, len(judged), len(judged), invalid, "words", judged)
        end = AskFinished(
            support,
            "stop",
            Usage(7, 3, 0),
            "m",
            1.0,
            2.0,
            3.0,
            4.0,
            total_ms=more.pop("total_ms", 10.0),
            abstention=abstention,
            **more,
        )
        passages = tuple(Passage(number, make_hit(each)) for number, each in enumerate(documents, start=1))
        return Answer(text, passages, citations, end)

    return make
