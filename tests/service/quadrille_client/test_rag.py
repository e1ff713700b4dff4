import asyncio

import pytest
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from quadrille.gateway.v1 import injection_pb2, rag_pb2_grpc, support_pb2
from quadrille.gateway.v1 import rag_pb2 as pb
from quadrille.retrieval.v1 import search_pb2, search_pb2_grpc
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from quadrille_client import AsyncClient, Client, NotFoundError
from quadrille_client.convert import rag as convert
from quadrille_client.types import rag as types
from serving.errors import NotFound

HIT = search_pb2.Hit(chunk_id="d#0", document_id="d", text="Sky is blue.", end_byte=12, dense_score=0)


class Rag(rag_pb2_grpc.RagServiceServicer):
    def Ask(self, request, context):
        omitted = [injection_pb2.OmittedPassage(chunk_id="d#1", reason=2)]
        retrieved = pb.Retrieved(passages=[pb.Passage(number=1, hit=HIT)], request_id="r", omitted=omitted)
        yield pb.AskResponse(retrieved=retrieved)
        told = json_format.MessageToDict(request, preserving_proto_field_name=True)
        for piece in (f"{sorted(told)} ", f"{len(request.history)} [1]"):
            yield pb.AskResponse(delta=pb.AnswerDelta(text=piece))
        yield pb.AskResponse(citation=pb.Citation(number=1, chunk_id="d#0", answer_end_byte=4))
        support = pb.Groundedness(score=0.5, sentence_count=2, method="words")
        timings = pb.AskTimings(search_ms=3)
        yield pb.AskResponse(finished=pb.AskFinished(groundedness=support, timings=timings, model="m"))


class Search(search_pb2_grpc.SearchServiceServicer):
    def __init__(self):
        self.requests = []
        self.batches = []
        self.hits = [HIT]

    def BatchSearch(self, request, context):
        self.batches.append(request)
        answers = [search_pb2.SearchResponse(hits=self.hits, lsn=i) for i in range(len(request.queries))]
        return search_pb2.BatchSearchResponse(responses=answers)

    def Search(self, request, context):
        self.requests.append(request)
        plan = search_pb2.SearchPlan(dense="flat") if request.explain else None
        return search_pb2.SearchResponse(hits=self.hits, lsn=4, plan=plan)


class Text(text_pb2_grpc.TextServiceServicer):
    def Embed(self, request, context):
        vectors = [text_pb2.Embedding(values=[1.0, 2.0]) for _ in request.inputs]
        return text_pb2.EmbedResponse(embeddings=vectors, model_stamp="m@sha256:0")

    def Rerank(self, request, context):
        results = [
            text_pb2.RerankResult(index=i, score=len(text)) for i, text in enumerate(request.documents)
        ]
        return text_pb2.RerankResponse(results=sorted(results, key=lambda item: -item.score))


class Health(health_pb2_grpc.HealthServicer):
    def Check(self, request, context):
        if request.service not in ("", "down"):
            raise NotFound("service", request.service)
        return health_pb2.HealthCheckResponse(status=2 if request.service else 1)


@pytest.fixture
def search():
    return Search()


@pytest.fixture
def call(serve, driver, search):
    address = serve(
        (rag_pb2_grpc.add_RagServiceServicer_to_server, Rag()),
        (search_pb2_grpc.add_SearchServiceServicer_to_server, search),
        (text_pb2_grpc.add_TextServiceServicer_to_server, Text()),
        (health_pb2_grpc.add_HealthServicer_to_server, Health()),
    )
    return lambda use: driver.call(address, use)


def test_an_answer_is_collected(call):
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    answer = call(lambda c: c.ask("docs", "why?", history=turns))
    assert answer.text == "['collection', 'history', 'question'] 2 [1]", "what is not given is not sent"
    assert answer.passages[0].hit.text == "Sky is blue."
    assert [(passage.chunk_id, passage.reason) for passage in answer.omitted] == [("d#1", "duplicate")]
    assert answer.citations[0].chunk_id == "d#0"
    assert answer.finished.groundedness.score == 0.5
    assert (answer.finished.search_ms, answer.finished.finish_reason) == (3, None)


def test_an_answer_streams(call):
    kinds = [type(event).__name__ for event in call(lambda c: c.stream_ask("docs", "why?", passages=2))]
    assert kinds == ["Retrieved", "AnswerDelta", "AnswerDelta", "Citation", "AskFinished"]


def test_a_questions_options_are_those_of_the_contract():
    options = {"rerank": "", "rerank_depth": 9, "rewrite": "history", "mmr": 0.0, "mmr_candidates": 40}
    options |= {"min_relevance": 0.0, "max_passage_tokens": 5, "max_history_tokens": 0, "temperature": 0.0}
    options |= {"support": "relevance", "supported_only": True, "injection_defence": "omit", "passages": 2}
    request = convert.ask(["a", "b"], "why?", options | {"mode": "dense", "min_lsn": 0, "model": None})
    assert json_format.MessageToDict(request, preserving_proto_field_name=True) == {
        "collections": ["a", "b"],
        "question": "why?",
        "sampling": {"temperature": 0.0},
        "top_k": 2,
        "mode": "SEARCH_MODE_DENSE",
        "min_lsn": "0",
        "rerank": {"depth": 9},
        "rewrite": {"method": "REWRITE_METHOD_HISTORY"},
        "mmr": {"relevance_weight": 0.0, "candidate_count": 40},
        "min_relevance": 0.0,
        "max_passage_tokens": 5,
        "max_history_tokens": 0,
        "support_method": "SUPPORT_METHOD_RELEVANCE",
        "supported_only": True,
        "injection_defence": "INJECTION_DEFENCE_OMIT",
    }
    with pytest.raises(TypeError, match="passage"):
        convert.ask("a", "why?", {"passage": 2})
    with pytest.raises(ValueError, match="support must be one of"):
        convert.ask("a", "why?", {"support": "magic"})


def test_every_event_is_typed():
    place = support_pb2.Evidence(start_byte=1, end_byte=3)
    sentence = support_pb2.SentenceSupport(
        number=1, supported=True, evidence=place, cited_passage_numbers=[2]
    )
    retrieved = pb.Retrieved(
        passages=[pb.Passage(number=1, hit=HIT, collection="c", rerank_score=0.0)],
        omitted=[
            injection_pb2.OmittedPassage(
                chunk_id="d#1", reason=3, suspicions=[{"kind": "role", "end_byte": 2}]
            )
        ],
    )
    event = convert.event(pb.AskResponse(retrieved=retrieved))
    assert (event.passages[0].collection, event.passages[0].rerank_score) == ("c", 0.0)
    assert event.omitted[0].reason == "suspicious"
    assert event.omitted[0].suspicions == (types.Suspicion("role", 0, 2),)
    assert convert.event(pb.AskResponse(rewritten={"query": "q", "method": "m"})) == types.Rewritten("q", "m")
    cited = convert.event(pb.AskResponse(citation={"support": 0.5, "evidence": place}))
    assert (cited.support, cited.evidence) == (0.5, types.Evidence(1, 3))
    assert convert.event(pb.AskResponse(sentence=sentence)).cited_passage_numbers == (2,)
    support = pb.Groundedness(sentences=[sentence], withheld_sentence_count=3)
    timings = pb.AskTimings(energy_joules=0.0, total_ms=5)
    finished = pb.AskFinished(groundedness=support, timings=timings, abstention=4)
    end = convert.event(pb.AskResponse(finished=finished))
    assert (end.abstention, end.energy_joules, end.total_ms) == ("unsupported", 0.0, 5)
    assert end.groundedness.sentences[0].evidence == types.Evidence(1, 3)
    assert end.groundedness.withheld_sentence_count == 3
    assert convert.event(pb.AskResponse()) is None


def test_a_conversation_remembers_the_latest_turns():
    with Client("127.0.0.1:1") as client:
        conversation = client.conversation("docs")
    for number in range(40):
        conversation.remember(f"q{number}", "a")
    assert len(conversation.history) == 32
    assert conversation.history[0] == {"role": "user", "content": "q24"}


def test_a_text_is_embedded_and_the_stamp_goes_along(call, search):
    result = call(
        lambda c: c.search("docs", "sky", top_k=1, filter={"field": "a", "exists": True}, explain=True)
    )
    (request,) = search.requests
    assert list(request.query.vector) == [1.0, 2.0]
    assert request.embedding_model == "m@sha256:0"
    assert (request.query.text, request.query.top_k) == ("sky", 1)
    assert request.query.filter.condition.exists
    (hit,) = result.hits
    assert (hit.dense_score, hit.lexical_score) == (0.0, None), "a score of zero is a score"
    assert (result.lsn, result.plan) == (4, {"dense": "flat"})


def test_a_searchs_options_are_those_of_the_contract(call, search):
    weights = {"dense_weight": 0.7, "lexical_weight": 0.3}
    options = {"min_score": 0.5, "mmr": 0.25, "mmr_candidates": 50, "fusion": {"weighted": weights}}
    call(lambda c: c.search("docs", vector=[1.0], stamp="m@1", **options))
    call(lambda c: c.search("docs", vector=[1.0], group_size=2, effort="accurate", fusion={"rrf": {"k": 2}}))
    found = call(lambda c: c.search("docs", vector=[1.0]))
    assert found.by_document() == {"d": found.hits}
    one, two, _ = search.requests
    assert (one.embedding_model, one.query.min_score) == ("m@1", 0.5)
    assert (one.query.mmr.relevance_weight, one.query.mmr.candidate_count) == (0.25, 50)
    assert (one.query.fusion.weighted.dense_weight, one.query.HasField("group_by_document")) == (0.7, False)
    assert (two.query.group_by_document.group_size, two.query.fusion.rrf.k) == (2, 2)
    assert (one.query.effort, two.query.effort) == (0, search_pb2.SEARCH_EFFORT_ACCURATE)
    assert not two.query.HasField("mmr")
    call(lambda c: c.search("docs", vector=[1.0], parts=["reference"]))
    assert list(search.requests[-1].query.parts) == [search_pb2.HIT_PART_REFERENCE]
    assert not two.query.HasField("min_score")
    with pytest.raises(ValueError, match="not a fusion"):
        call(lambda c: c.search("docs", vector=[1.0], fusion={"sum": {}}))


def test_many_queries_go_in_few_calls(call, search, calls):
    texts = [f"q{number}" for number in range(300)]
    found = call(lambda c: c.search_many("docs", texts, top_k=2, min_lsn=3, explain=True))
    assert [method for method, _ in calls] == ["Embed", "BatchSearch"] * 2
    assert [len(request.queries) for request in search.batches] == [256, 44]
    assert [query.text for request in search.batches for query in request.queries] == texts
    for request in search.batches:
        assert (request.collection, request.min_lsn, request.explain) == ("docs", 3, True)
        assert request.embedding_model == "m@sha256:0"
    last = search.batches[1].queries[43]
    assert (list(last.vector), last.top_k) == ([1.0, 2.0], 2)
    assert [result.lsn for result in found] == [*range(256), *range(44)]
    assert found[0].hits[0].chunk_id == "d#0"


def test_many_queries_are_texts_or_vectors_or_both(call, search, calls):
    call(lambda c: c.search_many("docs", vectors=[[1.0], [2.0]], stamp="m@1", parts=["reference"]))
    call(lambda c: c.search_many("docs", ["a", "b"], vectors=[[1.0], [2.0]]))
    call(lambda c: c.search_many("docs", ["a", "b"], mode="lexical"))
    assert [method for method, _ in calls] == ["BatchSearch"] * 3
    sent = [[(list(q.vector), q.text) for q in request.queries] for request in search.batches]
    assert sent == [[([1.0], ""), ([2.0], "")], [([1.0], "a"), ([2.0], "b")], [([], "a"), ([], "b")]]
    assert search.batches[0].embedding_model == "m@1"
    assert list(search.batches[0].queries[1].parts) == [search_pb2.HIT_PART_REFERENCE]
    assert search.batches[2].queries[0].mode == search_pb2.SEARCH_MODE_LEXICAL
    assert call(lambda c: c.search_many("docs")) == ()
    with pytest.raises(ValueError, match="2 texts do not go with 1 vectors"):
        call(lambda c: c.search_many("docs", ["a", "b"], vectors=[[1.0]]))
    with pytest.raises(TypeError, match="a sequence of texts"):
        call(lambda c: c.search_many("docs", "ab", mode="lexical"))
    assert len(search.batches) == 3


def test_what_was_found_is_ordered_anew_before_it_is_cut(call, search):
    search.hits = [
        search_pb2.Hit(chunk_id=f"d#{i}", text="x" * length) for i, length in enumerate((1, 3, 2, 3))
    ]
    found = call(lambda c: c.search("docs", "sky", mode="lexical", top_k=3, rerank="judge", rerank_depth=9))
    assert [(hit.chunk_id, hit.rerank_score) for hit in found.hits] == [("d#1", 3), ("d#3", 3), ("d#2", 2)]
    assert search.requests[0].query.top_k == 9
    assert call(lambda c: c.search("docs", "sky", mode="lexical", rerank=None)).hits[0].chunk_id == "d#0"
    search.hits = []
    assert call(lambda c: c.search("docs", "sky", mode="lexical", rerank="")).hits == ()
    lexical = {"text": "sky", "mode": "lexical"}
    for bad in ({"vector": [1.0]}, {**lexical, "group_size": 1}, {**lexical, "top_k": 0}):
        with pytest.raises(ValueError, match="rerank needs a text"):
            call(lambda c, bad=bad: c.search("docs", rerank="", **bad))
    count = len(search.requests)
    with pytest.raises(ValueError, match="rerank reads passages"):
        call(lambda c: c.search("docs", rerank="", parts=["reference"], **lexical))
    assert len(search.requests) == count
    call(lambda c: c.search("docs", rerank="", parts=["passage", "vector"], **lexical))


def test_a_function_of_the_callers_may_judge(serve, search):
    address = serve((search_pb2_grpc.add_SearchServiceServicer_to_server, search))
    search.hits = [search_pb2.Hit(text=text) for text in ("b", "a")]

    def judge(text, passages):
        return [-ord(passage) + len(text) for passage in passages]

    async def judge_later(text, passages):
        return judge(text, passages)

    async def search_later():
        async with AsyncClient(address) as client:
            return await client.search("docs", "sky", mode="lexical", rerank=judge_later)

    with Client(address) as client:
        found = client.search("docs", "sky", mode="lexical", rerank=judge)
        for scores in ([1.0], [1.0, 2.0, 3.0]):
            with pytest.raises(ValueError, match="scores of 2 passages"):
                client.search("docs", "sky", mode="lexical", rerank=lambda *_, scores=scores: scores)
    assert [hit.text for hit in found.hits] == ["a", "b"]
    assert asyncio.run(search_later()) == found


def test_an_option_that_there_is_not_is_told(call):
    with pytest.raises(TypeError, match="unknown search options: topk"):
        call(lambda c: c.search("docs", "sky", mode="lexical", topk=3))


def test_words_and_vectors_are_not_embedded(call, search, calls):
    call(lambda c: c.search("docs", "sky", mode="lexical"))
    call(lambda c: c.search("docs", vector=[3.0]))
    assert [method for method, _ in calls] == ["Search", "Search"]
    assert list(search.requests[1].query.vector) == [3.0]
    assert search.requests[0].query.mode == search_pb2.SEARCH_MODE_LEXICAL


def test_health(call):
    assert call(lambda c: c.is_serving()) is True
    assert call(lambda c: c.is_serving("down")) is False
    with pytest.raises(NotFoundError):
        call(lambda c: c.is_serving("no.such.Service"))
