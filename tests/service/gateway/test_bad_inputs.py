"""What clients get wrong, by accident or not: each gets its code, and the field is named."""

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from quadrille.gateway.v1 import rag_pb2, rag_pb2_grpc
from quadrille_client import AsyncClient, InvalidArgumentError
from serving.keys import digest

CHAT = "/v1/chat/completions"
USER = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (CHAT, {"messages": USER, "n": 10**12}, "n"),
        (CHAT, {"messages": USER, "seed": 2**64}, "seed"),
        (CHAT, {"messages": USER, "max_tokens": 10**12}, "max_tokens"),
        (CHAT, {"messages": USER, "top_k": 10**12}, "top_k"),
        (CHAT, {"messages": USER, "logprobs": True, "top_logprobs": 10**12}, "top_logprobs"),
        (CHAT, {"messages": USER, "logit_bias": {str(10**12): 1.0}}, "logit_bias"),
        (CHAT, {"messages": [{**USER[0], "name": "ann"}]}, "messages[0].name"),
        ("/v1/completions", {"prompt": [10**12]}, "prompt"),
        ("/v1/completions", {"prompt": ["x"] * 17}, "prompt"),
        ("/v1/completions", {"prompt": "x", "suffix": "y"}, "suffix"),
        ("/v1/completions", {"prompt": "x", "echo": True}, "echo"),
        ("/v1/completions", {"prompt": "x", "echo": 0}, "echo"),
        ("/v1/completions", {"prompt": "x", "stream": "true"}, "stream"),
        ("/v1/completions", {"prompt": "x", "n": "2"}, "n"),
        ("/v1/completions", {"prompt": "x", "best_of": 5}, "best_of"),
        ("/v1/embeddings", {"input": "x", "dimensions": 10**12}, "dimensions"),
        ("/v1/embeddings", {"input": [1, 2]}, "input"),
        ("/v1/images/generations", {"prompt": "x", "n": 10**12}, "n"),
        ("/v1/images/generations", {"prompt": "x", "seed": 2**64}, "seed"),
        ("/v1/images/generations", {"prompt": "x", "response_format": "url"}, "response_format"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_values_out_of_range_are_refused_by_name(plain, path, body, param):
    response = await plain.post(path, json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith(param)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("option", ["max_tokens", "max_completion_tokens"])
async def test_zero_tokens_are_not_taken_for_the_default(plain, option, stream):
    response = await plain.post(CHAT, json={"messages": USER, option: 0, "stream": stream})
    assert (response.status_code, response.json()["error"]["param"]) == (400, option)


async def test_a_lone_surrogate_is_no_text(plain):
    for path, field in (
        (CHAT, '"messages":[{"role":"user","content":"\\ud800"}]'),
        ("/v1/embeddings", '"input":"\\ud800"'),
    ):
        response = await plain.post(
            path, content=f"{{{field}}}", headers={"content-type": "application/json"}
        )
        assert response.status_code == 400


async def test_a_chat_template_from_a_client_is_forbidden(plain):
    response = await plain.post(CHAT, json={"messages": USER, "chat_template": "{{ evil }}"})
    assert (response.status_code, response.json()["error"]["type"]) == (403, "permission_error")


@pytest.mark.parametrize("prompt", ["x", ["x", "y"]])
async def test_errors_of_completions_keep_their_code(plain, prompt):
    response = await plain.post("/v1/completions", json={"model": "other", "prompt": prompt})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


async def test_a_request_id_that_cannot_go_along_is_replaced(plain):
    response = await plain.post(
        CHAT, json={"messages": USER}, headers={"x-request-id": "caf\u00e9".encode("latin-1")}
    )
    assert response.status_code == 200
    assert response.headers["x-request-id"].isascii()
    kept = await plain.post(CHAT, json={"messages": USER}, headers={"x-request-id": "mine-1"})
    assert kept.headers["x-request-id"] == "mine-1"
    assert kept.json()["id"] == "chatcmpl-mine-1"


async def test_harmless_options_are_taken(plain):
    body = {"messages": USER, "user": "u", "metadata": {"a": "b"}, "store": False, "prompt_cache_key": "k"}
    assert (await plain.post(CHAT, json=body)).status_code == 200


async def test_wrong_methods_have_openais_form(plain):
    response = await plain.get(CHAT)
    assert (response.status_code, response.json()["error"]["type"]) == (405, "invalid_request_error")


async def test_keys_are_compared_not_interpreted(make_doors, tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "t"\nsha256 = "{digest("good")}"\n')
    doors = await make_doors(api_keys_file=path)
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        for token in ("", "Basic good", "Bearer", "Bearer ' OR 1=1 --", "Bearer good'"):
            response = await plain.get("/v1/models", headers={"authorization": token})
            assert response.status_code == 401
            assert response.json()["error"]["type"] == "authentication_error"


def ask(**fields):
    return rag_pb2.AskRequest(**{"collection": "c", "question": "q", **fields})


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ask(collection=""), "collection"),
        (ask(question="x" * 20_000), "question"),
        (ask(history=[{"content": "x"}]), "history[0].role"),
        (ask(history=[{"role": 2, "content": "x"}] * 65), "history"),
        (ask(mode=77), "mode"),
        (ask(top_k=0), "top_k"),
        (ask(request_id="x" * 129), "request_id"),
        (ask(sampling={"logprobs": 1}), "sampling.logprobs"),
        (ask(sampling={"n": 10**9}), "sampling.n"),
        (ask(top_k=10**9), "top_k"),
        (ask(sampling={"structured_output": {}}), "sampling.structured_output.kind"),
        (ask(collections=["d"]), "collections"),
        (ask(collection="", collections=["d", "d"]), "collections[1]"),
        (ask(collection="", collections=["d", ""]), "collections[1]"),
        (ask(collection="", collections=[str(number) for number in range(9)]), "collections"),
        (ask(rewrite={"method": 9}), "rewrite.method"),
        (ask(rewrite={"method": 2, "model": "m"}), "rewrite.model"),
        (ask(min_relevance=float("nan")), "min_relevance"),
        (ask(min_relevance=0.5, mode=2), "min_relevance"),
        (ask(max_passage_tokens=0), "max_passage_tokens"),
        (ask(max_history_tokens=-1), "max_history_tokens"),
        (ask(max_history_tokens=2**30), "max_history_tokens"),
        (ask(support_method=9), "support_method"),
        (ask(injection_defence=9), "injection_defence"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_questions_are_checked_before_anything_is_asked(doors, request_, field):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        call = rag_pb2_grpc.RagServiceStub(channel).Ask(request_)
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (await call.details()).startswith(f"{field}: ")
    assert not doors.text.calls


def blamed(call_error):
    """The fields that an error's BadRequest names; it carries one ErrorInfo too."""
    trailers = dict(call_error.trailing_metadata())
    bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    details = status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details
    assert [detail.Unpack(info) for detail in details].count(True) == 1
    for detail in details:
        detail.Unpack(bad)
    return [violation.field for violation in bad.field_violations]


START = rag_pb2.IngestDocumentsRequest(start=rag_pb2.IngestDocumentsStart(collection="c"))


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([], "start"),
        ([rag_pb2.IngestDocumentsRequest()], "start"),
        ([rag_pb2.IngestDocumentsRequest(file=rag_pb2.File(id="a"))], "start"),
        ([START, START], "file"),
        ([START, rag_pb2.IngestDocumentsRequest()], "file"),
    ],
    ids=str,
)
async def test_an_ingest_out_of_order_names_what_is_missing(doors, sent, field):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in rag_pb2_grpc.RagServiceStub(channel).IngestDocuments(iter(sent)):
                pass
    assert (caught.value.code(), blamed(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.parametrize("max_tokens", [512, 2**31 - 1])
async def test_an_answer_longer_than_the_context_is_the_fault_of_max_tokens(doors, tmp_path, max_tokens):
    (tmp_path / "note.txt").write_text("The store keeps its truth in SQLite.")
    async with AsyncClient(doors.grpc) as client:
        async for _ in client.ingest("notes", [tmp_path]):
            pass
        with pytest.raises(InvalidArgumentError) as caught:
            await client.ask("notes", "Where is the truth?", max_tokens=max_tokens)
    assert caught.value.field == "sampling.max_tokens"


async def test_messages_over_the_limit(make_doors):
    doors = await make_doors(max_message_bytes=2048)
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        for path in ("/quadrille.gateway.v1.RagService/Ask", "/quadrille.text.v1.TextService/Chat"):
            assert (
                await channel.unary_stream(path)(b"\x0a" * 4096).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            )
