import asyncio

import pytest
from gateway.embeddings.cache import CacheMetrics, Made, VectorCache
from gateway.embeddings.lookup import Answered, Asked, Lookup
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from serving.call import Call, Principal, enter_call
from serving.errors import InvalidInput, Unavailable


class Model:
    """Embeds a text as itself and its stamp, and counts its characters as tokens."""

    def __init__(self, stamp="s"):
        self.stamp, self.asked = stamp, []

    async def stamps(self):
        return {"": ("m", "s"), "m": ("m", "s")}

    async def embed(self, inputs):
        self.asked.append(tuple(inputs))
        for place, text in enumerate(inputs):
            if not text:
                raise InvalidInput(f"inputs[{place}]", "must not be empty")
        made = tuple(Made(f"{text} by {self.stamp}".encode(), len(text)) for text in inputs)
        return Answered(made, "m", self.stamp)


def asked(*inputs, model="m", normalize=True, dimensions=None, truncate=False):
    return Asked(model, inputs, normalize, dimensions, truncate)


def texts(answered):
    return [made.values.decode() for made in answered.made]


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def lookup(model):
    return Lookup(VectorCache(10_000, CacheMetrics(CollectorRegistry())), model.stamps)


async def test_only_what_is_not_known_is_asked_for(lookup, model):
    await lookup.answer(asked("ab", "c"), model.embed)
    answered = await lookup.answer(asked("d", "c", "d", "ab"), model.embed)
    assert texts(answered) == ["d by s", "c by s", "d by s", "ab by s"]
    assert (answered.token_count, answered.cached_token_count) == (5, 3)
    assert model.asked == [("ab", "c"), ("d",)]
    whole = await lookup.answer(asked("ab", model=""), model.embed)
    assert (texts(whole), whole.cached_token_count, whole.model) == (["ab by s"], 2, "m")
    assert len(model.asked) == 2


async def test_whatever_changes_vectors_is_told_apart(lookup, model):
    for other in ({"normalize": False}, {"dimensions": 3}, {"truncate": True}, {}):
        await lookup.answer(asked("a", **other), model.embed)
    assert len(model.asked) == 4


async def test_tenants_do_not_learn_what_others_asked(lookup, model):
    for tenant in ("t", "u", "t"):
        enter_call(Call("m", "r", Principal(tenant=tenant)))
        await lookup.answer(asked("a"), model.embed)
    assert len(model.asked) == 2


async def test_a_model_that_stands_in_for_another_mixes_with_none(lookup, model):
    await lookup.answer(asked("a"), model.embed)
    other = Model("other")
    answered = await lookup.answer(asked("a", "b"), other.embed)
    assert texts(answered) == ["a by other", "b by other"]
    assert texts(await lookup.answer(asked("a"), model.embed)) == ["a by s"]


async def test_what_is_refused_is_named_by_its_place_in_the_request(lookup, model):
    await lookup.answer(asked("a"), model.embed)
    with pytest.raises(InvalidInput) as caught:
        await lookup.answer(asked("a", "b", ""), model.embed)
    assert caught.value.field == "inputs[2]"


async def test_too_many_are_refused_by_the_service_even_when_all_are_known(lookup, model):
    await lookup.answer(asked("a"), model.embed)
    for inputs in ((), ("a",) * 1025):
        await lookup.answer(asked(*inputs), model.embed)
        assert model.asked[-1] == inputs


async def test_models_that_are_not_listed_and_services_that_count_no_tokens_are_not_remembered(lookup, model):
    async def uncounted(inputs):
        answered = await model.embed(inputs)
        return Answered(tuple(Made(made.values, 0) for made in answered.made), "m", "s")

    for _ in range(2):
        await lookup.answer(asked("a", model="x"), model.embed)
        await lookup.answer(asked("b"), uncounted)
    assert len(model.asked) == 4


async def test_when_no_models_are_known_the_request_itself_tells_why(model):
    async def lost():
        raise Unavailable("gone")

    lookup = Lookup(VectorCache(10_000, CacheMetrics(CollectorRegistry())), lost)
    assert texts(await lookup.answer(asked("a"), model.embed)) == ["a by s"]


REQUESTS = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), max_size=8)


@settings(deadline=None)
@given(REQUESTS, st.integers(0, 1500))
def test_answers_are_as_without_a_cache_of_whatever_size(requests, most_bytes):
    async def play():
        model = Model()
        lookup = Lookup(VectorCache(most_bytes, CacheMetrics(CollectorRegistry())), model.stamps)
        for inputs in requests:
            answered = await lookup.answer(asked(*inputs), model.embed)
            assert answered.made == (await Model().embed(inputs)).made

    asyncio.run(play())
