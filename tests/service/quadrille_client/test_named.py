"""Named requests: what the clients send, and how they mend a stream that breaks."""

import pytest
from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1 import text_pb2_grpc
from quadrille_client import UnavailableError
from serving.errors import NotFound, Unavailable

TEXTS = [str(number) for number in range(1, 8)]


class Breaking(text_pb2_grpc.TextServiceServicer):
    """Streams TEXTS and breaks after each two of them; goes on, forgets or begins anew, as it is told."""

    def __init__(self, mood):
        self.mood = mood
        self.attempts = 0

    def Generate(self, request, context):
        self.attempts += 1
        after = int(dict(context.invocation_metadata()).get("last-event-id", 0))
        if after and self.mood == "forgets":
            raise NotFound("stream", "k")
        if after and self.mood == "goes on":
            context.send_initial_metadata((("idempotency-replayed", "true"),))
        elif after:
            after = 0
        for text in TEXTS[after : after + 2]:
            yield pb.GenerateResponse(delta=pb.GenerationDelta(text=text))
        if after + 2 < len(TEXTS):
            raise Unavailable("broken", retry_after_s=0.01)

    def Detokenize(self, request, context):
        self.attempts += 1
        if self.attempts == 1:
            raise Unavailable("not yet", retry_after_s=0.01)
        return pb.DetokenizeResponse(text="fine")


@pytest.fixture
def breaking(serve):
    def start(mood):
        servicer = Breaking(mood)
        return servicer, serve((text_pb2_grpc.add_TextServiceServicer_to_server, servicer))

    return start


def stream(client):
    return client.named("k").stream_generate("x")


def test_a_named_stream_that_breaks_is_resumed_after_the_last_message_that_came(breaking, driver, calls):
    _, address = breaking("goes on")
    deltas = driver.call(address, stream, max_retries=1)
    assert [delta.text for delta in deltas] == TEXTS
    assert [metadata.get("last-event-id") for _, metadata in calls] == [None, "2", "4", "6"]
    assert {metadata["idempotency-key"] for _, metadata in calls} == {"k"}


@pytest.mark.parametrize("mood", ["forgets", "begins anew"])
def test_what_cannot_be_resumed_fails_as_it_broke(breaking, driver, mood):
    servicer, address = breaking(mood)
    with pytest.raises(UnavailableError, match="broken"):
        driver.call(address, stream)
    assert servicer.attempts == 2


def test_retries_of_a_call_have_its_name(breaking, driver, calls):
    _, address = breaking("")
    assert driver.call(address, lambda client: client.named("k").detokenize([1])) == "fine"
    assert [metadata["idempotency-key"] for _, metadata in calls] == ["k", "k"]


def test_other_calls_have_none(breaking, driver, calls):
    _, address = breaking("")
    driver.call(address, lambda client: client.detokenize([1]))
    assert all("idempotency-key" not in metadata for _, metadata in calls)


@pytest.mark.parametrize("name", ["a b", "ä", "k" * 256])
def test_names_that_no_header_can_carry_are_refused_before_any_call(driver, name):
    with pytest.raises(ValueError, match="name"):
        driver.call("127.0.0.1:1", lambda client: client.named(name).detokenize([1]))
