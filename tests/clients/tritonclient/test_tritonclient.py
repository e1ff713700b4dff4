"""Triton's client, at Quadrille's port as a server of the Open Inference Protocol."""

import os
import queue

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


@pytest.fixture
def client():
    with triton.InferenceServerClient(os.environ["QUADRILLE_ADDRESS"]) as client:
        yield client


def texts(name, *values):
    tensor = triton.InferInput(name, [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array([value.encode() for value in values], dtype=np.object_))
    return tensor


def test_the_server_and_its_models_are_ready_and_described(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata().name == "quadrille"
    assert client.is_model_ready("minilm")
    assert not client.is_model_ready("other")
    told = client.get_model_metadata("minilm", as_json=True)
    assert told["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": ["-1", "384"]}]


def test_embeddings(client):
    inputs = [texts("text_input", "A cat sleeps.", "Kittens nap.", "Steel rusts.")]
    outputs = [triton.InferRequestedOutput("embedding")]
    answer = client.infer("minilm", inputs, outputs=outputs, request_id="7")
    cat, kitten, steel = answer.as_numpy("embedding")
    assert cat.shape == (384,)
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)
    assert cat @ kitten > cat @ steel
    assert answer.get_response().id == "7"
    short = client.infer("minilm", inputs, parameters={"dimensions": 8}).as_numpy("embedding")
    assert short.shape == (3, 8)


def test_reranking(client):
    scores = client.infer("reranker", [texts("query", "a"), texts("documents", "a", "b", "c")])
    assert scores.as_numpy("score").shape == (3,)
    assert np.isfinite(scores.as_numpy("score")).all()


def test_generation_whole_and_as_a_stream(client):
    inputs = [texts("text_input", "What is Quadrille?")]
    options = {"temperature": 0.0, "max_tokens": 8}
    whole = client.infer("starter", inputs, parameters=options)
    (said,) = whole.as_numpy("text_output")
    assert whole.get_response().parameters["completion_token_count"].int64_param > 0
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    client.async_stream_infer(
        "starter", inputs, parameters=options, request_id="s", enable_empty_final_response=True
    )
    pieces = []
    while True:
        result, error = answers.get(timeout=60)
        assert error is None
        pieces += result.as_numpy("text_output").tolist()
        if result.get_response().parameters["triton_final_response"].bool_param:
            break
    client.stop_stream()
    assert b"".join(pieces) == said
    assert result.get_response().id == "s"


def test_errors_name_what_is_wrong(client):
    with pytest.raises(InferenceServerException, match=r"parameters\.warmth"):
        client.infer("starter", [texts("text_input", "x")], parameters={"warmth": 1})
    with pytest.raises(InferenceServerException, match="'other' does not exist"):
        client.infer("other", [texts("text_input", "x")])
