import asyncio
from types import SimpleNamespace

import grpc
import pytest
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.routing import ModelEntry, Router, Sole, choose
from grpc.aio import AioRpcError, Metadata
from serving.call import Call, current_call, enter_call
from serving.errors import NotConfigured, NotFound, Unavailable

LLM = ModelEntry("llm", frozenset({"chat", "generate"}))
EMB = ModelEntry("emb", frozenset({"embed"}))


class Servers:
    """Model lists by address, which answer or raise; `reads` says who was asked."""

    def __init__(self, **lists) -> None:
        self.lists = lists
        self.reads = []
        self.now = 0.0
        self.pool = Pool(lists, lambda address, name: Replica(address, None, None, lambda: self.now))

    def router(self, **fallbacks):
        async def fetch(replica):
            self.reads.append(replica.address)
            if self.lists[replica.address] is None:
                raise Unavailable("gone", service=replica.address)
            return self.lists[replica.address]

        return Router(
            self.pool,
            fetch,
            lambda model: model,
            lambda model, name: ModelEntry(name, model.capabilities),
            option="THE_OPTION",
            fallbacks=fallbacks,
            ttl_s=5,
            clock=lambda: self.now,
        )

    def __getitem__(self, address):
        return next(item for item in self.pool.replicas if item.address == address)


def found(choice):
    return choice.model, [replica.address for replica in choice.replicas]


def test_choice_by_name_and_by_capability():
    listings = {"a": [LLM], "b": [EMB], "c": [LLM, EMB]}
    assert choose(listings, "emb", "chat", "THE_OPTION") == ("b", "c")
    assert choose(listings, "", "embed", "THE_OPTION") == ("b", "c")
    assert choose(listings, "", "chat", "THE_OPTION") == ("a", "c")
    with pytest.raises(NotFound):
        choose(listings, "other", "chat", "THE_OPTION")
    with pytest.raises(NotConfigured, match="THE_OPTION"):
        choose(listings, "", "rerank", "THE_OPTION")


def test_without_a_name_only_servers_of_the_same_default_share_the_work():
    small = ModelEntry("small", frozenset({"chat"}))
    listings = {"a": [LLM], "b": [small], "c": [small, LLM], "d": [LLM, small]}
    assert choose(listings, "", "chat", "THE_OPTION") == ("a", "d")


def test_a_lost_backend_might_have_had_it():
    with pytest.raises(Unavailable):
        choose({"a": [LLM], "b": None}, "", "embed", "THE_OPTION")
    assert choose({"a": None, "b": [EMB]}, "", "embed", "THE_OPTION") == ("b",)


async def test_lists_are_kept_and_read_anew_for_an_unknown_model():
    servers = Servers(a=[LLM], b=[EMB])
    router = servers.router()
    assert found(await router.route("llm", "chat")) == ("llm", ["a"])
    assert found(await router.route("", "embed")) == ("", ["b"])
    assert servers.reads == ["a", "b"]
    servers.lists["b"] = [EMB, ModelEntry("new", frozenset({"chat"}))]
    with pytest.raises(NotFound):  # read but now
        await router.route("new", "chat")
    assert servers.reads == ["a", "b"]
    servers.now = 1.0
    assert found(await router.route("new", "chat")) == ("new", ["b"])
    servers.now = 60.0
    assert [model.id for model in await router.models()] == ["llm", "emb", "new"]
    assert servers.reads == ["a", "b"] * 3


async def test_a_single_backend_is_not_asked():
    servers = Servers(a=None)
    assert found(await servers.router().route("anything", "chat")) == ("anything", ["a"])
    assert not servers.reads
    with pytest.raises(Unavailable):
        await servers.router().route("anything", "chat", [servers["a"]])


async def test_who_is_lost_taken_out_or_tried_is_left_aside_while_others_can():
    servers = Servers(a=[LLM], b=[LLM], c=[LLM])
    router = servers.router()
    assert found(await router.route("llm", "chat")) == ("llm", ["a", "b", "c"])
    assert found(await router.route("llm", "chat", [servers["a"]])) == ("llm", ["b", "c"])
    servers["b"].serving = False
    assert found(await router.route("llm", "chat")) == ("llm", ["a", "c"])
    for _ in range(5):
        servers["c"].ejection.ended(False, servers["c"].ejection.begun())
    assert found(await router.route("llm", "chat")) == ("llm", ["a"])
    with pytest.raises(Unavailable):
        await router.route("llm", "chat", [servers["a"]])
    servers["a"].serving = False  # better than nobody
    assert found(await router.route("llm", "chat")) == ("llm", ["a", "b", "c"])


async def test_what_a_server_listed_while_it_was_loading_does_not_last():
    servers = Servers(a=[])
    router = servers.router()
    servers["a"].looked_at(serving=False)
    assert await router.models() == []
    servers.lists["a"] = [LLM]
    servers["a"].looked_at(serving=True)
    assert await router.models() == [LLM]
    servers["a"].looked_at(serving=True)
    await router.models()
    assert servers.reads == ["a", "a"]  # one that goes on serving is not asked at every look


async def test_what_a_lost_server_listed_counts_no_more_until_it_is_read_again():
    servers = Servers(a=[LLM], b=[EMB])
    router = servers.router()
    await router.models()
    servers["b"].lost()
    servers.lists["b"] = None
    with pytest.raises(Unavailable):
        await router.route("emb", "embed")
    servers["b"].serving = True
    servers.lists["b"] = [LLM]
    servers.now = 1.0
    with pytest.raises(NotFound):
        await router.route("emb", "embed")
    assert found(await router.route("llm", "chat")) == ("llm", ["a", "b"])


async def test_one_that_cannot_be_read_is_not_asked_again_at_once():
    servers = Servers(a=[LLM], b=None)
    router = servers.router()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await router.route("emb", "embed")
    assert servers.reads == ["a", "b"]


async def test_a_list_is_read_once_for_all_and_on_nobody_s_time():
    servers, seen, go = Servers(a=[LLM], b=[EMB]), [], asyncio.Event()
    router = servers.router()

    async def fetch(replica):
        seen.append(current_call())
        await go.wait()
        return servers.lists[replica.address]

    router._fetch = fetch
    enter_call(Call(request_id="mine", deadline=0.0))
    first, second = (asyncio.create_task(router.models()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    go.set()
    assert await second == [LLM, EMB]
    assert seen == [Call(), Call()]


async def test_a_server_whose_list_fails_unexpectedly_is_one_that_cannot_be_reached():
    servers = Servers(a=[LLM], b=[EMB])
    router = servers.router()

    async def fetch(replica):
        if replica.address == "b":
            raise AioRpcError(grpc.StatusCode.UNIMPLEMENTED, Metadata(), Metadata())
        return servers.lists["a"]

    router._fetch = fetch
    assert await router.models() == [LLM]
    with pytest.raises(Unavailable):
        await router.route("emb", "embed")


async def test_nobody_reached_is_what_the_first_raised():
    with pytest.raises(Unavailable) as caught:
        await Servers(a=None, b=None).router().models()
    assert caught.value.metadata == {"service": "a"}


async def test_others_stand_in_for_a_model_while_it_cannot_be_used():
    small = ModelEntry("small", frozenset({"chat"}))
    servers = Servers(a=[LLM], b=[small, EMB])
    router = servers.router(llm=("emb", "small"), name=("gone", "small"))
    assert found(await router.route("llm", "chat")) == ("llm", ["a"])
    assert found(await router.route("llm", "chat", [servers["a"]])) == ("small", ["b"])
    servers["a"].serving = False
    assert found(await router.route("llm", "chat")) == ("small", ["b"])  # emb can't chat
    assert found(await router.route("name", "chat")) == ("small", ["b"])
    servers.now = 9.0
    servers.lists["b"] = None
    assert [model.id for model in await router.models()] == ["llm"]
    assert found(await router.route("llm", "chat")) == (
        "llm",
        ["a"],
    )  # it may answer, though it says that it does not serve


async def test_names_that_others_stand_in_for_are_listed():
    router = Servers(a=[LLM]).router(best=("gone", "llm"), lost=("gone",))
    assert await router.models() == [LLM, ModelEntry("best", LLM.capabilities)]
    assert found(await router.route("best", "chat")) == ("llm", ["a"])


async def test_a_service_that_runs_once_has_no_other():
    sole = Sole(SimpleNamespace(replicas=("it",)))
    assert (await sole.route("m", "")).replicas == ("it",)
    with pytest.raises(Unavailable):
        await sole.route("m", "", ["it"])
