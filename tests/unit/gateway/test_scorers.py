import pytest
from gateway.domain.ask import SupportMethod
from gateway.domain.text import TextCapability
from gateway.rag.scorers import EmbeddingScorer, LexicalScorer, RelevanceScorer, make_scorer
from gateway.rag.spending import Spending
from gateway.rag.support import NONE, Evidence
from rag_fakes import MODELS, Text, candidate
from serving.errors import NotConfigured

PASSAGES = [Evidence(candidate(text)) for text in ("Cows eat. Whales sing at night.", "Trees grow.")]


async def test_words_are_counted_in_a_passage_and_the_evidence_is_its_closest_sentence():
    one, two = await LexicalScorer().score("whales eat plankton at night", PASSAGES)
    assert one.score == 0.8
    assert one.evidence == (10, 31)
    assert two == NONE


async def test_the_nearest_sentence_of_a_passage_counts_and_passages_are_embedded_once():
    text, spending = Text(), Spending()
    scorer = EmbeddingScorer(text, "embed", spending)
    for _ in range(2):
        one, two = await scorer.score("A whale makes music", PASSAGES)
        assert (one.score, one.evidence, two) == (1.0, (10, 31), NONE)
    assert [len(each.inputs) for each in text.embeds] == [4, 1]
    assert spending.timings().energy_joules == 2.0
    assert "embed" in scorer.method


async def test_relevance_is_a_models_held_between_0_and_1():
    text = Text()
    one, two = await RelevanceScorer(text, "other", Spending()).score("claim", PASSAGES)
    assert (one.score, one.evidence, two.score) == (1.0, (10, 31), 1.0)
    assert text.reranks == [("other", "claim", ["Cows eat.", "Whales sing at night.", "Trees grow."])]
    assert await RelevanceScorer(text, "other", Spending()).score("claim", [Evidence(candidate(""))]) == [
        NONE
    ]


@pytest.mark.parametrize(
    ("method", "models", "kind"),
    [
        (None, MODELS, EmbeddingScorer),
        (None, MODELS[:1], LexicalScorer),
        (SupportMethod.LEXICAL, MODELS, LexicalScorer),
        (SupportMethod.EMBEDDING, MODELS, EmbeddingScorer),
        (SupportMethod.RELEVANCE, MODELS, RelevanceScorer),
    ],
)
def test_the_method_is_as_asked_for_or_the_best_that_there_is(method, models, kind):
    assert type(make_scorer(method, Text(), models, Spending())) is kind


@pytest.mark.parametrize("method", [SupportMethod.EMBEDDING, SupportMethod.RELEVANCE])
def test_a_method_without_its_model_is_not_configured(method):
    capability = TextCapability.EMBED if method is SupportMethod.EMBEDDING else TextCapability.RERANK
    with pytest.raises(NotConfigured, match=capability.value):
        make_scorer(method, Text(), MODELS[:1], Spending())
