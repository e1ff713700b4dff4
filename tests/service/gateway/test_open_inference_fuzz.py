"""Whatever is asked over the Open Inference Protocol is answered, or refused by an error that says why."""

import asyncio

from gateway.convert import inference as convert
from gateway.convert.text import generate_to_proto
from gateway.domain.text import (
    EmbedResult,
    FinishReason,
    GenerationDelta,
    GenerationFinished,
    RerankResult,
    SequenceResult,
    TextCapability,
    TextModel,
    Usage,
)
from gateway.kserve.inferrer import Inferrer
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from quadrille.kserve import open_inference_pb2 as pb
from quadrille.text.v1 import text_pb2
from serving.errors import QuadrilleError

INPUTS = {"embed": ("text_input",), "rerank": ("query", "documents"), "generate": ("text_input",)}
ELEMENTS = st.sampled_from((b"a", b"a", b"b", "ü".encode(), b"", b"\xff"))
INTEGERS = st.one_of(st.integers(0, 9), st.sampled_from((-1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63))))
PARAMETERS = st.one_of(
    st.builds(lambda value: pb.InferParameter(int64_param=value), INTEGERS),
    st.builds(lambda value: pb.InferParameter(double_param=value), st.floats()),
    st.builds(lambda value: pb.InferParameter(bool_param=value), st.booleans()),
    st.builds(lambda value: pb.InferParameter(string_param=value), st.text(max_size=3)),
    st.builds(lambda value: pb.InferParameter(uint64_param=value), st.integers(2**63, 2**64 - 1)),
    st.just(pb.InferParameter()),
)
KNOWN = st.sampled_from(
    ("max_tokens", "top_k", "seed", "temperature", "stop", "ignore_eos", "dimensions", "other")
)


@st.composite
def requests(draw):
    """Requests that are nearly right, most of the time."""
    model = draw(st.sampled_from(("embed", "rerank", "generate", "generate", "score")))
    request = pb.ModelInferRequest(
        model_name=model, parameters=draw(st.dictionaries(KNOWN, PARAMETERS, max_size=1))
    )
    raw = draw(st.booleans())
    for name in draw(st.permutations(INPUTS.get(model, ("text_input",)))):
        elements = draw(st.lists(ELEMENTS, min_size=1, max_size=1 if name != "documents" else 3))
        right = [len(elements)]
        shape = draw(st.sampled_from((right, right, right, [1, *right], [-1], [2**40])))
        tensor = request.inputs.add(name=name, datatype="BYTES", shape=shape)
        if raw:
            data = b"".join(len(item).to_bytes(4, "little") + item for item in elements)
            request.raw_input_contents.append(data[: -draw(st.sampled_from((0, 0, 0, 1, 5))) or None])
        else:
            tensor.contents.bytes_contents.extend(elements)
    return request


class Text:
    """Takes all that its messages can carry."""

    async def list_models(self):
        return [
            TextModel(item.value, frozenset({item}), 64, 2, "")
            for item in (
                TextCapability.EMBED,
                TextCapability.RERANK,
                TextCapability.GENERATE,
                TextCapability.SCORE,
            )
        ]

    async def embed(self, request):
        text_pb2.EmbedRequest(inputs=request.inputs, dimensions=request.dimensions, truncate=request.truncate)
        return EmbedResult(((0.5, 0.5),) * len(request.inputs), request.model, "", 1)

    async def rerank(self, model, query, documents):
        return RerankResult((0.5,) * len(documents), model, 1)

    async def generate(self, request):
        yield GenerationDelta(0, generate_to_proto(request).prompt.text)
        yield GenerationFinished((SequenceResult(0, FinishReason.STOP),), Usage(1, 1))


async def answer(request):
    try:
        asked = convert.request_from_proto(request)
        result = await Inferrer(Text()).infer(asked)
    except QuadrilleError as error:
        event(type(error).__name__)
    else:
        response = convert.result_to_proto(result, asked)
        assert bool(response.raw_output_contents) == bool(request.raw_input_contents)
        event("answered")


# The first to draw text waits for Hypothesis to make its tables of characters.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_any_request_is_answered_or_refused(request):
    asyncio.run(answer(request))
