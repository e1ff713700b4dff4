"""Ways of judging support: by words, by embeddings, by a model of relevance."""

from collections.abc import Sequence
from operator import mul

from serving.errors import NotConfigured

from gateway.backends import TextBackend
from gateway.domain.ask import SupportMethod
from gateway.domain.text import EmbedRequest, TextCapability, TextModel
from gateway.rag.spending import Spending
from gateway.rag.support import NONE, Evidence, Scorer, Support
from gateway.rag.words import words

_EXACT = "names and numbers exact"


class LexicalScorer:
    """The part of a sentence's distinct words that occur in a passage: cheap, and blind to negation and paraphrase."""

    threshold = 0.6
    method = f"lexical containment >= {threshold}, {_EXACT}"

    async def score(self, claim: str, passages: Sequence[Evidence]) -> Sequence[Support]:
        """Containment."""
        said = words(claim)
        return [passage.lexical(said) for passage in passages]


class EmbeddingScorer:
    """The cosine of a sentence with a passage's nearest: sees through paraphrase, and is blind to negation.

    Sentences are compared one by one and the best counts, as entailment is judged in SummaC (Laban et al., 2022).
    """

    threshold = 0.65

    def __init__(self, text: TextBackend, model: str, spending: Spending) -> None:
        self._text = text
        self._model = model
        self._spending = spending
        self._units: list[tuple[float, ...]] | None = None
        self.method = f"cosine with a sentence by {model} >= {self.threshold}, {_EXACT}"

    async def score(self, claim: str, passages: Sequence[Evidence]) -> Sequence[Support]:
        """Cosines, not below 0; the passages are embedded with the first sentence that needs it."""
        units = [unit.text for passage in passages for unit in passage.units]
        missing = units if self._units is None else []
        made = await self._text.embed(EmbedRequest(self._model, (claim, *missing), truncate=True))
        self._spending.add_joules(made.energy_joules)
        said, *vectors = made.vectors
        if self._units is None:
            self._units = vectors
        return _by_passage([_cosine(said, vector) for vector in self._units], passages)


class RelevanceScorer:
    """A reranking model's score of a passage's sentences for the sentence as a query, of which the best counts.

    With a model that is trained for entailment it is entailment; with one of relevance it is no more than that.
    """

    threshold = 0.5

    def __init__(self, text: TextBackend, model: str, spending: Spending) -> None:
        self._text = text
        self._model = model
        self._spending = spending
        self.method = f"relevance by {model} >= {self.threshold}, {_EXACT}"

    async def score(self, claim: str, passages: Sequence[Evidence]) -> Sequence[Support]:
        """Scores, held between 0 and 1."""
        units = [unit.text for passage in passages for unit in passage.units]
        if not units:
            return [NONE] * len(passages)
        judged = await self._text.rerank(self._model, claim, units)
        self._spending.add_joules(judged.energy_joules)
        return _by_passage(judged.scores, passages)


def make_scorer(
    method: SupportMethod | None, text: TextBackend, models: Sequence[TextModel], spending: Spending
) -> Scorer:
    """The scorer of a method; None is embeddings, or words where no model can embed. Raises NotConfigured."""
    if method is SupportMethod.RELEVANCE:
        return RelevanceScorer(text, _default(models, TextCapability.RERANK), spending)
    if method is SupportMethod.EMBEDDING:
        return EmbeddingScorer(text, _default(models, TextCapability.EMBED), spending)
    embedders = [model.id for model in models if TextCapability.EMBED in model.capabilities]
    if method is SupportMethod.LEXICAL or not embedders:
        return LexicalScorer()
    return EmbeddingScorer(text, embedders[0], spending)


def _default(models: Sequence[TextModel], capability: TextCapability) -> str:
    for model in models:
        if capability in model.capabilities:
            return model.id
    raise NotConfigured(f"no loaded model can {capability.value}", "add one to QUADRILLE_TEXTGEN_MODELS")


def _by_passage(scores: Sequence[float], passages: Sequence[Evidence]) -> list[Support]:
    """The best of each passage's sentences, whose scores come one passage after the other; held between 0 and 1."""
    found, first = [], 0
    for passage in passages:
        pairs = list(zip(scores[first : first + len(passage.units)], passage.units, strict=True))
        first += len(passage.units)
        score, unit = max(pairs, key=lambda pair: pair[0], default=(0.0, None))
        found.append(Support(min(1.0, score), unit.span) if unit and score > 0 else NONE)
    return found


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of unit vectors."""
    return float(sum(map(mul, one, other)))
