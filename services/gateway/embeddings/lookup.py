"""Answers a request for vectors from what is known, and asks the model for the rest only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from serving.call import current_call
from serving.errors import InvalidInput, QuadrilleError

from gateway.embeddings.cache import Made, VectorCache

MOST_INPUTS = 1024  # of a request, in its contract


@dataclass(frozen=True, slots=True)
class Asked:
    """Texts, and all else that their vectors depend on; an empty model is the default."""

    model: str
    inputs: tuple[str, ...]
    normalize: bool
    dimensions: int | None
    truncate: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A vector for each text, the model that made them, and how many of the texts' tokens were not read for it."""

    made: tuple[Made, ...]
    model: str
    stamp: str
    cached_token_count: int = 0

    @property
    def token_count(self) -> int:
        """Tokens of all texts."""
        return sum(item.token_count for item in self.made)


# Has a model embed texts. The rest of what was asked is the same.
Embed = Callable[[Sequence[str]], Awaitable[Answered]]


class Lookup:
    """Over a cache; `stamps` tells the model's id and stamp by the name that requests give, "" for the default."""

    def __init__(
        self, cache: VectorCache, stamps: Callable[[], Awaitable[Mapping[str, tuple[str, str]]]]
    ) -> None:
        self._cache = cache
        self._stamps = stamps

    async def answer(self, asked: Asked, embed: Embed) -> Answered:
        """Vectors of all texts, in their order; raises what `embed` raises for them.

        A tenant's texts are found by that tenant alone: how fast an answer comes would tell others what it asked for.
        """
        named = await self._named(asked.model)
        if named is None or not 1 <= len(asked.inputs) <= MOST_INPUTS:
            return await embed(asked.inputs)
        model, stamp = named
        found = self._cache.find([self._key(asked, stamp, text) for text in asked.inputs])
        missing = dict.fromkeys(text for text, made in zip(asked.inputs, found, strict=True) if made is None)
        if not missing:
            whole = Answered(tuple(made for made in found if made is not None), model, stamp)
            return Answered(whole.made, model, stamp, whole.token_count)
        if len(missing) == len(asked.inputs):
            return self._kept(asked, asked.inputs, await embed(asked.inputs))
        try:
            more = await embed(tuple(missing))
        except InvalidInput:  # which names a place among those that are missing: ask as it was asked
            return await embed(asked.inputs)
        if more.stamp != stamp:  # another model stands in for it: its vectors go with its own alone
            return self._kept(asked, asked.inputs, await embed(asked.inputs))
        self._kept(asked, tuple(missing), more)
        fresh = dict(zip(missing, more.made, strict=True))
        made = tuple(
            fresh[text] if known is None else known for text, known in zip(asked.inputs, found, strict=True)
        )
        cached = sum(known.token_count for known in found if known is not None)
        return Answered(made, more.model, stamp, cached)

    async def _named(self, model: str) -> tuple[str, str] | None:
        try:
            return (await self._stamps()).get(model)
        except QuadrilleError:  # to be told by the request itself
            return None

    def _kept(self, asked: Asked, inputs: Sequence[str], answered: Answered) -> Answered:
        for text, made in zip(inputs, answered.made, strict=True):
            if made.token_count and answered.stamp:  # a service that tells no counts is not remembered
                self._cache.keep(self._key(asked, answered.stamp, text), made)
        return answered

    def _key(self, asked: Asked, stamp: str, text: str) -> bytes:
        tenant = current_call().principal.tenant
        options = (str(asked.normalize), str(asked.dimensions), str(asked.truncate))
        return self._cache.key(tenant, stamp, *options, text)
