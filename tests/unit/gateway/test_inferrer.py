from gateway.domain.inference import InferRequest, InferResult
from gateway.domain.text import RerankResult, TextCapability, TextModel
from gateway.kserve.inferrer import Inferrer
from gateway.kserve.servicer import InferenceServicer
from quadrille.kserve import open_inference_pb2 as pb
from serving.call import Call, enter_call


class Judge:
    """A text service with one model, which ranks by length."""

    async def list_models(self):
        return [TextModel("judge", frozenset({TextCapability.RERANK}), 64, None, "")]

    async def rerank(self, model, query, documents):
        return RerankResult(tuple(float(len(item) - len(query)) for item in documents), model, 7)


class Echo:
    """An inferrer that keeps the ids by which requests go on."""

    def __init__(self) -> None:
        self.ids = []

    async def stream(self, request, request_id):
        self.ids.append(request_id)
        yield InferResult(request.model, ())


REQUEST = InferRequest("judge", {"documents": ("abc", "a"), "query": ("xy",)})


async def test_documents_are_scored_in_the_order_given():
    result = await Inferrer(Judge()).infer(REQUEST)
    (tensor,) = result.outputs
    assert (tensor.name, tensor.shape, tensor.numbers) == ("score", (2,), (1.0, -1.0))
    assert result.parameters == {"prompt_token_count": 7}


async def test_what_has_no_pieces_is_one_in_a_stream():
    (result,) = [item async for item in Inferrer(Judge()).stream(REQUEST, "id")]
    assert result.final
    assert result.outputs[0].numbers == (1.0, -1.0)


async def test_requests_of_one_stream_go_on_under_ids_of_their_own():
    enter_call(Call(request_id="x" * 128))
    echo = Echo()

    async def requests():
        for _ in range(2):
            yield pb.ModelInferRequest(model_name="m")

    answers = [
        item async for item in InferenceServicer(echo, lambda: True).ModelStreamInfer(requests(), None)
    ]
    assert len(answers) == 2
    assert echo.ids == ["x" * 116 + "-1", "x" * 116 + "-2"]
