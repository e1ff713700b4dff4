import pytest

ASKED = {"model": "judge", "query": "q", "documents": ["the longest", {"text": "mid-way"}, "low"]}


async def test_the_best_come_first(plain):
    answer = (await plain.post("/v1/rerank", json=ASKED)).json()
    assert [(item["index"], item["relevance_score"]) for item in answer["results"]] == [
        (2, -3),
        (1, -7),
        (0, -11),
    ]
    assert (answer["model"], answer["usage"]) == ("judge", {"prompt_tokens": 3, "total_tokens": 3})
    assert not any("document" in item for item in answer["results"])


async def test_only_some_with_their_documents(plain):
    body = {**ASKED, "top_n": 2, "return_documents": True}
    answer = (await plain.post("/v1/rerank", json=body)).json()
    assert [item["document"]["text"] for item in answer["results"]] == ["low", "mid-way"]


BAD = {
    "documents[1].text": {**ASKED, "documents": ["a", {"text": 1}]},
    "documents[0].title": {**ASKED, "documents": [{"text": "a", "title": "b"}]},
    "top_n": {**ASKED, "top_n": 0},
    "query": {**ASKED, "query": "x" * 5000},
}


@pytest.mark.parametrize(("param", "body"), BAD.items())
async def test_bad_bodies_are_refused_by_name(plain, param, body):
    response = await plain.post("/v1/rerank", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_an_overloaded_judge_says_when_to_come_again(plain):
    response = await plain.post("/v1/rerank", json={**ASKED, "model": "other"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert response.headers["retry-after-ms"] == "2500"
