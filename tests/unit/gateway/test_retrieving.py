import pytest
from gateway.domain.ask import AskRequest, Reranking
from gateway.domain.retrieval import MaximalMarginalRelevance, SearchMode
from gateway.rag.retrieving import Retriever
from gateway.rag.spending import Spending
from rag_fakes import Retrieval, Text, hit
from serving.errors import InvalidInput


async def find(retrieval, text=None, **options):
    request = AskRequest(**{"collections": ("a", "b"), "question": "whale?", **options})
    return await Retriever(text or Text(), retrieval).find(request, "whales?", Spending())


async def test_each_collection_is_searched_with_its_own_model_and_each_model_asked_once():
    text = Text()
    retrieval = Retrieval(a=[hit("1"), hit("2")], b=[hit("3")], other=[hit("4")])
    mmr = MaximalMarginalRelevance(0.5)
    found = await find(retrieval, text, collections=("a", "b", "other"), top_k=3, mmr=mmr, min_lsn=7)
    assert [(each.collection, each.hit.text) for each in found] == [("a", "1"), ("b", "3"), ("other", "4")]
    assert [(each.model, each.inputs) for each in text.embeds] == [
        ("embed", ("whales?",)),
        ("other", ("whales?",)),
    ]
    assert [each.embedding_model for each in retrieval.searches] == ["embed@1", "embed@1", "other@1"]
    assert {(each.text, each.top_k, each.mmr, each.min_lsn) for each in retrieval.searches} == {
        ("whales?", 3, mmr, 7)
    }


async def test_words_are_searched_for_without_a_vector():
    text, retrieval = Text(), Retrieval(a=[], b=[])
    assert await find(retrieval, text, mode=SearchMode.LEXICAL) == []
    assert text.embeds == []
    assert {each.vector for each in retrieval.searches} == {()}


async def test_a_model_orders_what_all_collections_gave():
    text, retrieval = Text(), Retrieval(a=[hit("x"), hit("xxx"), hit("xx")], b=[hit("xx"), hit("y")])
    found = await find(retrieval, text, top_k=1, rerank=Reranking("judge", 4))
    assert [each.hit.text for each in found] == ["xxx", "xx", "x", "y"]
    assert [each.rerank_score for each in found] == [3, 2, 1, 1]
    assert text.reranks == [("judge", "whales?", ["x", "xx", "xxx", "y"])]
    assert {each.top_k for each in retrieval.searches} == {4}


async def test_nothing_found_is_not_reranked():
    text = Text()
    assert await find(Retrieval(a=[], b=[]), text, rerank=Reranking("judge", 4)) == []
    assert text.reranks == []


@pytest.mark.parametrize(("collections", "field"), [(("a",), "collection"), (("a", "bad"), "collections[1]")])
async def test_a_bad_name_is_told_by_its_field(collections, field):
    class Picky(Retrieval):
        async def get_collection(self, name):
            if name == collections[-1]:
                raise InvalidInput("name", "is bad")
            return await super().get_collection(name)

    with pytest.raises(InvalidInput) as caught:
        await find(Picky(a=[]), collections=collections)
    assert caught.value.field == field


async def test_energy_of_all_passes_is_added():
    spending = Spending()
    request = AskRequest(("a", "other"), "?", rerank=Reranking("", 4))
    await Retriever(Text(), Retrieval(a=[hit("1")], other=[])).find(request, "q", spending)
    timings = spending.timings()
    assert timings.energy_joules == 3.0
    assert 0 < timings.rerank_ms <= timings.search_ms
