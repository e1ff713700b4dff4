from gateway.domain.inference import InferRequest
from gateway.domain.text import RerankResult, TextCapability, TextModel
from gateway.kserve.inferrer import Inferrer


class Judge:
    """A text service with one model, which ranks by length."""

    async def list_models(self):
        return [TextModel("judge", frozenset({TextCapability.RERANK}), 64, None, "")]

    async def rerank(self, model, query, documents):
        return RerankResult(tuple(float(len(item) - len(query)) for item in documents), model, 7)


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
