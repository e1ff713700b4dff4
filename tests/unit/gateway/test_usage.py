import pytest
from gateway.admission.cost import Cost, text_cost
from gateway.admission.forecast import OutputLength
from gateway.admission.pools import ENCODE, GENERATE, IMAGE
from gateway.admission.ticket import Ticket
from gateway.convert.usage import usage_of
from hypothesis import given
from hypothesis import strategies as st
from quadrille.image.v1 import image_pb2
from quadrille.retrieval.v1 import search_pb2
from quadrille.text.v1 import text_pb2
from serving.errors import InvalidInput

TEXT = text_pb2.DESCRIPTOR.services_by_name["TextService"].methods_by_name
IMAGES = image_pb2.DESCRIPTOR.services_by_name["ImageService"].methods_by_name
INT32 = st.integers(-(2**31), 2**31 - 1)


def asked(method, message):
    return usage_of(method).asked(message.SerializeToString(), OutputLength(first=100.0))


def test_what_uses_a_model_waits_for_it_and_nothing_else_does():
    pools = {name: usage.pool for name, method in TEXT.items() if (usage := usage_of(method))}
    assert pools == {
        **dict.fromkeys(("Generate", "Chat"), GENERATE),
        **dict.fromkeys(("Score", "Embed", "Rerank", "FillMask"), ENCODE),
    }
    assert {name for name, method in IMAGES.items() if usage_of(method)} == set(IMAGES) - {"ListModels"}
    assert {usage_of(IMAGES[name]).pool for name in ("Generate", "Decode")} == {IMAGE}
    assert usage_of(search_pb2.DESCRIPTOR.services_by_name["SearchService"].methods_by_name["Search"]) is None


def test_an_answer_is_expected_by_its_prompt_and_by_what_it_may_have():
    request = text_pb2.GenerateRequest(prompt={"text": "x" * 396})
    assert asked(TEXT["Generate"], request).cost.units >= 300
    request.sampling.max_tokens = 10
    request.sampling.n = 2
    request.priority = 7
    said = asked(TEXT["Generate"], request)
    assert said.cost == text_cost(request.ByteSize() // 4, 20)
    assert said.priority == 7


@given(INT32, INT32)
def test_numbers_that_no_request_may_have_cost_no_less_than_nothing(tokens, n):
    sampling = text_pb2.SamplingParameters(max_tokens=tokens, n=n)
    assert 1 <= asked(TEXT["Chat"], text_pb2.ChatRequest(sampling=sampling)).cost.units <= 1000
    parameters = image_pb2.DiffusionParameters(count=n, steps=tokens, width=n, height=tokens)
    assert asked(IMAGES["Edit"], image_pb2.EditRequest(parameters=parameters)).cost.units >= 1


def test_images_cost_their_steps():
    parameters = image_pb2.DiffusionParameters(count=2, steps=5, width=512, height=256)
    request = image_pb2.GenerateRequest(parameters=parameters, priority=3)
    assert (asked(IMAGES["Generate"], request).cost, asked(IMAGES["Generate"], request).priority) == (
        Cost(20.0),
        3,
    )
    walk = image_pb2.InterpolateRequest(frame_count=8, parameters=parameters)
    assert asked(IMAGES["Interpolate"], walk).cost == Cost(80.0)
    assert asked(IMAGES["Decode"], image_pb2.DecodeRequest()).cost == Cost(20.0)


@pytest.mark.parametrize("method", [TEXT["Chat"], IMAGES["Generate"]], ids=["text", "image"])
def test_what_is_no_message_is_refused(method):
    with pytest.raises(InvalidInput):
        usage_of(method).asked(b"\xff\xff\xff", OutputLength())


def told(method, *responses):
    usage, lengths = usage_of(method), OutputLength()
    ask = usage.asked(b"", lengths)
    charges = []
    ticket = Ticket(ask.cost, charges.append)
    see = usage.told(ticket, ask, lengths)
    for response in responses:
        see(response.SerializeToString())
    ticket.close()
    return ticket.charged


def test_tokens_are_counted_as_they_stream():
    kind = text_pb2.GenerateResponse
    events = [
        kind(started=text_pb2.GenerationStarted(prompt_token_count=7)),
        kind(delta=text_pb2.GenerationDelta(token_ids=[1, 2])),
        kind(delta=text_pb2.GenerationDelta(token_ids=[3])),
    ]
    assert told(TEXT["Generate"], *events) == text_cost(7, 3)
    usage = text_pb2.Usage(prompt_token_count=8, completion_token_count=9)
    finished = kind(finished=text_pb2.GenerationFinished(usage=usage))
    assert told(TEXT["Generate"], *events, finished) == text_cost(8, 9)


def test_what_one_pass_read_is_told_in_its_answer():
    usage = text_pb2.Usage(prompt_token_count=11)
    assert told(TEXT["Embed"], text_pb2.EmbedResponse(usage=usage)) == text_cost(11)
    assert told(IMAGES["Generate"], image_pb2.GenerateResponse()) == Cost(20.0)
