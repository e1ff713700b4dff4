"""The page and what it asks for, at the gateway's HTTP door."""

import json
import re

import httpx
import pytest
from serving.keys import digest

SEA = b"# The sea\n\nTides follow the moon. Salt comes from rivers."
KEYS = """
[[keys]]
name = "reader"
sha256 = "{reader}"
scopes = ["text"]
[[keys]]
name = "all"
sha256 = "{all}"
"""


async def stored(plain, collection="docs", name="sea.md", data=SEA):
    answer = await plain.post("/api/ingest", params={"collection": collection, "name": name}, content=data)
    return answer.json()


async def events(plain, body):
    answer = await plain.post("/api/ask", json=body)
    assert answer.status_code == 200, answer.text
    blocks = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    return [
        (block[0].removeprefix("event: "), json.loads(block[1].removeprefix("data: "))) for block in blocks
    ]


async def test_the_page_loads_only_its_own(plain):
    page = await plain.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(named) >= 3
    for path in named:
        assert path.startswith("/assets/")
        asset = await plain.get(path)
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=", page.text)


async def test_what_is_not_there_is_not_kept(plain):
    missing = await plain.get("/assets/none.js")
    assert missing.status_code == 404
    assert "immutable" not in missing.headers["cache-control"]
    assert (await plain.get("/assets/../page.py")).status_code == 404


async def test_models_are_told_with_what_they_can_do(plain):
    answer = (await plain.get("/api/models")).json()
    assert [model["id"] for model in answer["text"]] == ["tiny", "hash"]
    assert "chat" in answer["text"][0]["capabilities"]
    assert answer["image"] == [{"id": "flat", "width": 8, "height": 8, "steps": 0}]


async def test_a_file_is_stored_and_found(plain):
    first = await stored(plain)
    assert (first["outcome"], first["id"], first["unchanged"]) == ("stored", "sea.md", False)
    assert (await stored(plain))["unchanged"] is True
    await stored(plain, "letters", "a.txt", b"Dear sea")
    listed = (await plain.get("/api/collections")).json()["collections"]
    assert [(item["name"], item["documents"]) for item in listed] == [("docs", 1), ("letters", 1)]
    for mode in ("hybrid", "dense", "lexical"):
        body = {"collection": "docs", "text": "tides", "mode": mode}
        (hit,) = (await plain.post("/api/search", json=body)).json()["hits"]
        assert (hit["document_id"], hit["title"], hit["start_byte"]) == ("sea.md", "The sea", 0)


async def test_documents_are_listed_page_by_page_and_deleted_one_by_one(plain):
    for name in ("c/sea.md", "a.txt", "b.txt"):
        await stored(plain, name=name)
    asked = {"collection": "docs", "page_size": 2}
    first = (await plain.get("/api/documents", params=asked)).json()
    assert [(item["id"], item["chunks"]) for item in first["documents"]] == [("a.txt", 1), ("b.txt", 1)]
    rest = await plain.get("/api/documents", params={**asked, "page_token": first["next_page_token"]})
    (last,), token = rest.json().values()
    assert (last["id"], last["title"], last["bytes"], token) == ("c/sea.md", "The sea", len(SEA), "")
    one = {"collection": "docs", "id": "c/sea.md"}
    assert (await plain.delete("/api/documents", params=one)).json() == {"deleted": "c/sea.md"}
    gone = await plain.delete("/api/documents", params=one)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
    left = (await plain.get("/api/documents", params={"collection": "docs"})).json()["documents"]
    assert [item["id"] for item in left] == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("asked", "status", "param"),
    [
        ({"collection": "none"}, 404, None),
        ({}, 400, "collection"),
        ({"collection": "docs", "page_size": 101}, 400, "page_size"),
        ({"collection": "docs", "page_token": "x"}, 400, "page_token"),
    ],
)
async def test_bad_listings_are_refused(plain, asked, status, param):
    await stored(plain)
    answer = await plain.get("/api/documents", params=asked)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_a_file_that_cannot_be_read_is_refused_with_its_field(plain):
    refused = await stored(plain, name="strange.xyz")
    assert (refused["outcome"], refused["field"]) == ("refused", "file.media_type")


async def test_a_file_may_hold_any_bytes(plain):
    nested = await plain.post(
        "/api/ingest",
        params={"collection": "docs", "name": "deep.txt"},
        content=b"[" * 100,
        headers={"content-type": "application/octet-stream"},
    )
    assert nested.json()["outcome"] == "stored"


async def test_an_answer_comes_as_the_contracts_events(plain):
    await stored(plain)
    told = await events(plain, {"collection": "docs", "question": "What do tides follow?"})
    names = [name for name, _ in told]
    assert (names[0], names[-1], "delta" in names) == ("retrieved", "finished", True)
    (passage,) = told[0][1]["passages"]
    assert (passage["number"], passage["hit"]["document_id"]) == (1, "sea.md")
    assert told[-1][1]["model"] == "tiny"
    counted = (await plain.get("/metrics")).text
    assert 'quadrille_gateway_rag_asks_total{outcome="answered"} 1.0' in counted


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"collection": "docs", "question": "x", "top_k": 99}, "top_k"),
        ({"collection": "", "question": "x"}, "collection"),
        ({"collection": "docs", "question": "x", "colour": "red"}, "body"),
        ({"collection": "docs", "question": 7}, "body"),
    ],
)
async def test_bad_questions_are_refused_by_field(plain, body, param):
    answer = await plain.post("/api/ask", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_the_stack_is_told_with_its_figures(plain, make_doors):
    alone = (await plain.get("/api/stack")).json()
    assert {name.partition("@")[0]: up for name, up in alone["services"].items()} == {
        "text": True,
        "image": True,
        "retrieval": True,
    }
    assert alone["figures"] == {}
    assert alone["pools"]["image"] == {"places": 16, "running": 0, "waiting": 0, "refused": 0}
    assert (set(alone["pools"]), alone["limited"]) == ({"generate", "encode", "image"}, 0)
    port = plain.base_url.port
    doors = await make_doors(metrics_urls=(f"http://127.0.0.1:{port}/metrics", f"http://127.0.0.1:{port}/x"))
    async with httpx.AsyncClient(base_url=doors.http) as other:
        assert (await other.get("/api/stack")).json()[
            "figures"
        ] == {}  # read, and none of them is a service's


async def test_the_page_needs_no_key_and_what_it_asks_for_does(make_doors, tmp_path):
    file = tmp_path / "keys.toml"
    file.write_text(KEYS.format(reader=digest("r"), all=digest("a")))
    doors = await make_doors(api_keys_file=file)
    paths = ("/api/models", "/api/collections", "/api/documents?collection=x", "/api/stack")
    async with httpx.AsyncClient(base_url=doors.http) as http:
        assert (await http.get("/")).status_code == 200
        assert [(await http.get(path)).status_code for path in paths] == [401, 401, 401, 401]
        http.headers["authorization"] = "Bearer r"
        assert [(await http.get(path)).status_code for path in paths] == [200, 403, 403, 403]
        http.headers["authorization"] = "Bearer a"
        assert [(await http.get(path)).status_code for path in paths] == [200, 200, 404, 200]


async def test_its_routes_are_counted_by_name(plain):
    await plain.get("/api/models")
    counted = (await plain.get("/metrics")).text
    assert 'quadrille_gateway_http_requests_total{route="/api/models",status="200"} 1.0' in counted
