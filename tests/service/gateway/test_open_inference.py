"""The Open Inference Protocol at the gateway's port; tests/clients/tritonclient has Triton's own client there."""

import asyncio
import struct

import grpc
import pytest
from quadrille.kserve import open_inference_pb2 as pb
from quadrille.kserve import open_inference_pb2_grpc
from quadrille_client import AsyncClient
from serving.keys import digest


def texts(name, *values, model="tiny", **more):
    contents = {"bytes_contents": [value.encode() for value in values]}
    tensor = {"name": name, "datatype": "BYTES", "shape": [len(values)], "contents": contents}
    return pb.ModelInferRequest(model_name=model, inputs=[tensor], **more)


@pytest.fixture
async def stub(doors):
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        yield open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


async def test_the_server_and_its_models_are_live_ready_and_described(stub, doors):
    assert (await stub.ServerLive(pb.ServerLiveRequest())).live
    assert (await stub.ServerReady(pb.ServerReadyRequest())).ready
    server = await stub.ServerMetadata(pb.ServerMetadataRequest())
    assert (server.name, list(server.extensions)) == ("quadrille", ["model_stream_infer"])
    assert (await stub.ModelReady(pb.ModelReadyRequest(name="tiny", version="1"))).ready
    assert not (await stub.ModelReady(pb.ModelReadyRequest(name="tiny", version="2"))).ready
    assert not (await stub.ModelReady(pb.ModelReadyRequest(name="other"))).ready
    told = await stub.ModelMetadata(pb.ModelMetadataRequest(name="hash"))
    assert [(item.name, item.datatype, list(item.shape)) for item in (*told.inputs, *told.outputs)] == [
        ("text_input", "BYTES", [-1]),
        ("embedding", "FP32", [-1, 32]),
    ]
    code, _ = await refusal(stub.ModelMetadata(pb.ModelMetadataRequest(name="other")))
    assert code is grpc.StatusCode.NOT_FOUND
    async with AsyncClient(doors.grpc) as client:
        assert await client.is_serving("inference.GRPCInferenceService")


async def test_embeddings(stub):
    answer = await stub.ModelInfer(texts("text_input", "a cat", "b", model="hash", id="7"))
    assert (answer.id, answer.model_name, list(answer.outputs[0].shape)) == ("7", "hash", [2, 32])
    assert len(answer.outputs[0].contents.fp32_contents) == 64
    assert answer.parameters["prompt_token_count"].int64_param == 2


async def test_a_generated_text_whole_and_in_pieces(stub, doors):
    request = texts("text_input", "one two", id="q", parameters={"max_tokens": {"int64_param": 9}})
    whole = await stub.ModelInfer(request)
    assert whole.outputs[0].contents.bytes_contents == [b"one two"]
    assert whole.parameters["finish_reason"].string_param == "stop"
    assert whole.parameters["completion_token_count"].int64_param == 2
    stream = stub.ModelStreamInfer(iter([request, texts("text_input", "three")]))
    answers = [item.infer_response async for item in stream]
    assert [item.outputs[0].contents.bytes_contents[0] for item in answers] == [
        b"one ",
        b"two",
        b"",
        b"three",
        b"",
    ]
    final = [item.parameters["triton_final_response"].bool_param for item in answers]
    assert final == [False, False, True, False, True]
    assert [item.id for item in answers] == ["q", "q", "q", "", ""]
    assert answers[2].parameters["finish_reason"].string_param == "stop"
    assert doors.text.intervals == [1000, 0, 0]


async def test_what_goes_wrong_in_a_stream_is_told_and_the_stream_goes_on(stub):
    bad = texts("text_input", "x", model="other", id="bad")
    good = texts("text_input", "x", model="hash", id="good")
    first, second = [item async for item in stub.ModelStreamInfer(iter([bad, good]))]
    assert "'other' does not exist" in first.error_message
    assert (first.infer_response.id, second.infer_response.id) == ("bad", "good")
    assert not second.error_message
    assert second.infer_response.parameters["triton_final_response"].bool_param


async def test_errors_are_those_of_all_services(stub):
    raw = texts("text_input", "x")
    raw.inputs[0].ClearField("contents")
    raw.raw_input_contents.append(struct.pack("<I", 9) + b"x")
    for request, code, said in (
        (texts("text_input", "x", model=""), grpc.StatusCode.INVALID_ARGUMENT, "model_name"),
        (texts("text_input", "x", model="other"), grpc.StatusCode.NOT_FOUND, "other"),
        (texts("prompt", "x"), grpc.StatusCode.INVALID_ARGUMENT, "must be text_input"),
        (texts("text_input", "x", "y"), grpc.StatusCode.INVALID_ARGUMENT, "inputs[0].shape"),
        (raw, grpc.StatusCode.INVALID_ARGUMENT, "raw_input_contents[0]"),
        (
            texts("text_input", "x", parameters={"n": {"int64_param": 2}}),
            grpc.StatusCode.INVALID_ARGUMENT,
            "parameters.n",
        ),
    ):
        got, details = await refusal(stub.ModelInfer(request))
        assert got is code
        assert said in details


async def test_a_stream_that_is_left_is_cancelled_behind(stub, doors):
    call = stub.ModelStreamInfer(iter([texts("text_input", "forever")]))
    await call.read()
    call.cancel()
    await asyncio.wait_for(doors.text.cancelled.wait(), 5)


async def test_keys_hold_but_for_probes(make_doors, tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "t"\nsha256 = "{digest("good")}"\nscopes = ["image"]\n')
    doors = await make_doors(api_keys_file=path)
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert (await stub.ServerLive(pb.ServerLiveRequest())).live
        assert (await stub.ServerReady(pb.ServerReadyRequest())).ready
        asked = pb.ModelReadyRequest(name="tiny")
        assert (await refusal(stub.ModelReady(asked)))[0] is grpc.StatusCode.UNAUTHENTICATED
        held = (("authorization", "Bearer good"),)
        code, _ = await refusal(stub.ModelReady(asked, metadata=held))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        code, _ = await refusal(stub.ModelInfer(texts("text_input", "x"), metadata=held))
        assert code is grpc.StatusCode.PERMISSION_DENIED


async def test_it_is_not_ready_while_a_backend_is_lost(make_doors):
    doors = await make_doors(text_address="127.0.0.1:1")
    async with grpc.aio.insecure_channel(doors.grpc) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert (await stub.ServerLive(pb.ServerLiveRequest())).live
        assert not (await stub.ServerReady(pb.ServerReadyRequest())).ready
        assert not (await stub.ModelReady(pb.ModelReadyRequest(name="tiny"))).ready
        code, _ = await refusal(stub.ModelInfer(texts("text_input", "x")))
        assert code is grpc.StatusCode.UNAVAILABLE
