import math
import struct

import pytest
from gateway.convert.inference import VERSION, metadata_to_proto, request_from_proto, result_to_proto
from gateway.domain.inference import InferRequest, InferResult, Signature, Tensor, TensorSpec
from hypothesis import given
from hypothesis import strategies as st
from quadrille.kserve import open_inference_pb2 as pb
from serving.errors import InvalidInput, NotFound


def packed(texts):
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(item)) + item for item in encoded)


def message(texts=("a",), shape=None, **more):
    tensor = {"name": "x", "datatype": "BYTES", "shape": [len(texts)] if shape is None else shape}
    return pb.ModelInferRequest(model_name="m", inputs=[tensor], raw_input_contents=[packed(texts)], **more)


def refused(request):
    with pytest.raises(InvalidInput) as caught:
        request_from_proto(request)
    return caught.value.field


@given(st.lists(st.text(), max_size=5))
def test_texts_come_through_in_both_forms(texts):
    raw = request_from_proto(message(texts))
    tensor = message(texts).inputs[0]
    tensor.contents.bytes_contents.extend(text.encode() for text in texts)
    typed = request_from_proto(pb.ModelInferRequest(model_name="m", inputs=[tensor]))
    assert raw.inputs == typed.inputs == {"x": tuple(texts)}
    assert (raw.raw, typed.raw) == (True, False)


@given(st.binary(max_size=40), st.lists(st.integers(-2, 3), max_size=3))
def test_any_bytes_are_read_or_refused_by_field(data, shape):
    request = message(shape=shape)
    request.raw_input_contents[0] = data
    try:
        texts = request_from_proto(request).inputs["x"]
    except InvalidInput as error:
        assert error.field in ("raw_input_contents[0]", "inputs[0].shape")
    else:
        assert packed(texts) == data
        assert math.prod(shape) == len(texts)


def test_what_is_wrong_is_named():
    assert refused(message(shape=[2])) == "inputs[0].shape"
    assert refused(message(shape=[-1, -1])) == "inputs[0].shape"
    assert refused(message(texts=(), shape=[-1, 0])) == "inputs[0].shape"
    assert refused(message(shape=[2**62] * 100_000)) == "inputs[0].shape"  # whose product takes minutes
    twice = message()
    twice.inputs.append(twice.inputs[0])
    assert refused(twice) == "raw_input_contents"
    twice.raw_input_contents.append(packed("a"))
    assert refused(twice) == "inputs[1].name"
    number = message()
    number.inputs[0].datatype = "FP32"
    assert refused(number) == "inputs[0].datatype"
    both = message()
    both.inputs[0].contents.bytes_contents.append(b"a")
    assert refused(both) == "inputs[0].contents"
    bad = message()
    bad.raw_input_contents[0] = struct.pack("<I", 1) + b"\xff"
    assert refused(bad) == "raw_input_contents[0]"
    assert refused(message(parameters={"seed": {}})) == "parameters.seed"
    binary = message(outputs=[{"name": "y", "parameters": {"binary": {"bool_param": True}}}])
    assert refused(binary) == "outputs[0].parameters.binary"
    odd = message()
    odd.inputs[0].parameters["odd"].int64_param = 1
    assert refused(odd) == "inputs[0].parameters.odd"


def test_there_is_one_version():
    assert request_from_proto(message(model_version=VERSION)).model == "m"
    with pytest.raises(NotFound):
        request_from_proto(message(model_version="2"))


def test_outputs_go_back_as_the_inputs_came():
    result = InferResult(
        "m",
        (Tensor("t", (2,), texts=("ü", "")), Tensor("n", (1, 2), numbers=(0.5, -1.0))),
        {"count": 3, "share": 0.5, "why": "stop", "last": True},
    )
    raw = result_to_proto(result, InferRequest("m", {}, id="7", raw=True))
    assert (raw.id, raw.model_version) == ("7", VERSION)
    assert list(raw.raw_output_contents) == [packed(("ü", "")), struct.pack("<2f", 0.5, -1.0)]
    assert [(item.datatype, list(item.shape)) for item in raw.outputs] == [("BYTES", [2]), ("FP32", [1, 2])]
    kinds = {name: value.WhichOneof("parameter_choice") for name, value in raw.parameters.items()}
    assert kinds == {
        "count": "int64_param",
        "share": "double_param",
        "why": "string_param",
        "last": "bool_param",
    }
    typed = result_to_proto(result, InferRequest("m", {}))
    assert not typed.raw_output_contents
    assert list(typed.outputs[0].contents.bytes_contents) == ["ü".encode(), b""]
    assert list(typed.outputs[1].contents.fp32_contents) == [0.5, -1.0]


def test_metadata():
    signature = Signature((TensorSpec("a", "BYTES", (-1,)),), (TensorSpec("b", "FP32", (-1, 3)),))
    told = metadata_to_proto("m", signature)
    assert (told.name, list(told.versions), told.outputs[0].shape) == ("m", [VERSION], [-1, 3])
