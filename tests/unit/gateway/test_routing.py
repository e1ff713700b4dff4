import pytest
from gateway.routing import ModelEntry, Router, choose
from serving.errors import NotConfigured, NotFound, Unavailable

LLM = ModelEntry("llm", frozenset({"chat", "generate"}))
EMB = ModelEntry("emb", frozenset({"embed"}))


def test_choice_by_name_and_by_capability():
    listings = {"a": [LLM], "b": [EMB]}
    assert choose(listings, "emb", "chat", "THE_OPTION") == "b"
    assert choose(listings, "", "embed", "THE_OPTION") == "b"
    assert choose(listings, "", "chat", "THE_OPTION") == "a"
    with pytest.raises(NotFound):
        choose(listings, "other", "chat", "THE_OPTION")
    with pytest.raises(NotConfigured, match="THE_OPTION"):
        choose(listings, "", "rerank", "THE_OPTION")


def test_a_lost_backend_might_have_had_it():
    with pytest.raises(Unavailable):
        choose({"a": [LLM], "b": None}, "", "embed", "THE_OPTION")
    assert choose({"a": None, "b": [EMB]}, "", "embed", "THE_OPTION") == "b"


async def test_lists_are_kept_for_a_while_and_read_anew_for_an_unknown_model():
    reads, now = [], [0.0]
    lists = {"a": [LLM], "b": [EMB]}

    async def fetch(address):
        reads.append(address)
        return lists[address]

    router = Router(
        ("a", "b"), fetch, lambda model: model, option="THE_OPTION", ttl_s=5, clock=lambda: now[0]
    )
    assert await router.route("llm", "chat") == "a"
    assert await router.route("", "embed") == "b"
    assert reads == ["a", "b"]
    lists["b"] = [EMB, ModelEntry("new", frozenset({"chat"}))]
    assert await router.route("new", "chat") == "b"
    now[0] = 60.0
    assert [model.id for model in await router.models()] == ["llm", "emb", "new"]
    assert len(reads) == 6


async def test_a_single_backend_is_not_asked():
    async def fetch(address):
        raise AssertionError(address)

    assert await Router(("a",), fetch, lambda model: model, option="").route("anything", "chat") == "a"
