"""The OpenAPI description tells the truth, and its page needs nothing from elsewhere."""

import re

import httpx
import jsonschema
import pytest
from serving.keys import digest

USER = [{"role": "user", "content": "hello there"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
CALLS = {
    "chat": ("/v1/chat/completions", {"messages": USER, "n": 2, "logprobs": True}),
    "chat with tools": ("/v1/chat/completions", {"messages": USER, "tools": [TOOL]}),
    "completions": ("/v1/completions", {"prompt": ["a b", "c"], "logprobs": 0}),
    "embeddings": ("/v1/embeddings", {"input": ["a", "b"]}),
    "embeddings in base64": ("/v1/embeddings", {"input": "a", "encoding_format": "base64"}),
    "rerank": ("/v1/rerank", {"model": "judge", "query": "q", "documents": ["a"], "return_documents": True}),
    "images": ("/v1/images/generations", {"prompt": "red", "n": 2}),
    "models": ("/v1/models", None),
    "a refusal": ("/v1/embeddings", {"input": "a", "dimensions": 0.5}),
    "an unknown model": ("/v1/chat/completions", {"messages": USER, "model": "other"}),
    "too much": ("/v1/rerank", {"model": "other", "query": "q", "documents": ["a"]}),
}


@pytest.fixture
async def description(plain):
    return (await plain.get("/openapi.json")).json()


@pytest.mark.parametrize(("path", "body"), CALLS.values(), ids=CALLS)
async def test_answers_are_as_described(plain, description, path, body):
    response = await (plain.get(path) if body is None else plain.post(path, json=body))
    operation = description["paths"][path]["get" if body is None else "post"]
    schema = operation["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
    jsonschema.validate(response.json(), {**schema, "components": description["components"]})


async def test_every_v1_operation_tells_how_it_fails(description):
    for path, methods in description["paths"].items():
        for operation in methods.values() if path.startswith("/v1/") else ():
            assert {"200", "400", "401", "404", "429", "503", "default"} <= set(operation["responses"])
            assert "422" not in operation["responses"]
            limits = set(operation["responses"]["200"]["headers"])
            assert len(limits) == 6
            assert set(operation["responses"]["429"]["headers"]) == {"retry-after", "retry-after-ms", *limits}
            assert operation["description"]


async def test_a_path_tells_all_its_methods(plain, description):
    for path, methods in description["paths"].items():
        wrong = await plain.request("PATCH", path.replace("{", "").replace("}", ""))
        assert wrong.status_code == 405
        assert wrong.headers["allow"] == ", ".join(sorted(method.upper() for method in methods))
    assert {"GET", "DELETE"} <= {method.upper() for method in description["paths"]["/v1/files/{file_id}"]}


async def test_a_key_is_asked_for_where_keys_are(make_doors, description, tmp_path):
    assert "security" not in description["paths"]["/v1/models"]["get"]
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "t"\nsha256 = "{digest("good")}"\n')
    doors = await make_doors(api_keys_file=path)
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        guarded = (await plain.get("/openapi.json")).json()
    assert guarded["paths"]["/v1/models"]["get"]["security"] == [{"apiKey": []}]
    assert guarded["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


async def test_the_page_shows_all_of_it_and_fetches_nothing_from_elsewhere(plain, description):
    page = await plain.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in description["paths"]:
        assert f"<code>{path}</code>" in page.text
    anchors = set(re.findall(r'id="([^"]+)"', page.text))
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert {link for link in links if not link.startswith("#")} == {"/docs/reference.css", "/openapi.json"}
    assert "<script" not in page.text
    style = await plain.get("/docs/reference.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text


async def test_pages_that_would_come_from_elsewhere_are_not_there(plain):
    assert (await plain.get("/redoc")).status_code == 404
