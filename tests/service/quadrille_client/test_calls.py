"""What holds for every call: retries, deadlines, errors, metadata, cancellation."""

import threading

import grpc
import pytest
from quadrille.text.v1 import text_pb2 as pb
from quadrille.text.v1 import text_pb2_grpc
from quadrille_client import (
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from serving.errors import InvalidInput, NotFound, Overloaded, TooLarge, Unavailable


class Moody(text_pb2_grpc.TextServiceServicer):
    """Fails with each of `moods` in turn, then works."""

    def __init__(self, *moods):
        self.moods = list(moods)
        self.attempts = 0
        self.time_left = None
        self.cancelled = threading.Event()

    def _attempt(self, context):
        self.attempts += 1
        self.time_left = context.time_remaining()
        if self.moods:
            raise self.moods.pop(0)

    def Detokenize(self, request, context):
        self._attempt(context)
        return pb.DetokenizeResponse(text="fine")

    def Generate(self, request, context):
        self._attempt(context)
        yield pb.GenerateResponse(started=pb.GenerationStarted(model="moody"))
        if request.prompt.text == "break":
            raise Unavailable("lost", retry_after_s=0.01)
        context.add_callback(self.cancelled.set)
        while request.prompt.text == "endless" and not self.cancelled.wait(0.005):
            yield pb.GenerateResponse(delta=pb.GenerationDelta(text="."))

    def Tokenize(self, request, context):
        threading.Event().wait(0.5)
        return pb.TokenizeResponse()


SOON = Unavailable("starting", retry_after_s=0.01)
BUSY = Overloaded("full", retry_after_s=0.01)


@pytest.fixture
def moody(serve):
    def start(*moods):
        servicer = Moody(*moods)
        return servicer, serve((text_pb2_grpc.add_TextServiceServicer_to_server, servicer))

    return start


def detokenize(client):
    return client.detokenize([1])


@pytest.mark.parametrize("mood", [SOON, BUSY])
def test_what_may_pass_is_retried(moody, driver, mood):
    servicer, address = moody(mood, mood)
    assert driver.call(address, detokenize) == "fine"
    assert servicer.attempts == 3


def test_retries_end(moody, driver):
    servicer, address = moody(*[BUSY] * 9)
    with pytest.raises(OverloadedError) as failure:
        driver.call(address, detokenize)
    assert servicer.attempts == 3
    assert failure.value.retry_after_s == 0.01


def test_retries_can_be_turned_off(moody, driver):
    servicer, address = moody(SOON)
    with pytest.raises(UnavailableError):
        driver.call(address, lambda client: detokenize(client.with_options(max_retries=0)))
    assert servicer.attempts == 1


def test_a_limit_is_not_retried(moody, driver):
    servicer, address = moody(TooLarge("text", "is too large"))
    with pytest.raises(OverloadedError):
        driver.call(address, detokenize)
    assert servicer.attempts == 1


def test_a_retry_that_could_not_end_in_time_is_not_begun(moody, driver):
    servicer, address = moody(Unavailable("starting", retry_after_s=30))
    with pytest.raises(UnavailableError):
        driver.call(address, detokenize, timeout=5)
    assert servicer.attempts == 1


def test_a_stream_is_retried_before_its_first_message(moody, driver):
    servicer, address = moody(SOON)
    (started,) = driver.call(address, lambda client: client.stream_generate("once"))
    assert started.model == "moody"
    assert servicer.attempts == 2


def test_a_stream_is_never_retried_after_its_first_message(moody, driver):
    servicer, address = moody()
    with pytest.raises(UnavailableError, match="lost"):
        driver.call(address, lambda client: client.stream_generate("break"))
    assert servicer.attempts == 1


def test_leaving_a_stream_cancels_it(moody, driver):
    servicer, address = moody()
    events = driver.take(address, lambda client: client.stream_generate("endless"), 3)
    assert len(events) == 3
    assert servicer.cancelled.wait(5)


def test_the_timeout_is_the_deadline(moody, driver):
    servicer, address = moody()
    driver.call(address, detokenize, timeout=20)
    assert 9.5 < servicer.time_left < 20.5  # the wire rounds up
    driver.call(address, lambda client: detokenize(client.with_options(timeout=9)), timeout=20)
    assert servicer.time_left < 9.5
    with pytest.raises(DeadlineExceededError):
        driver.call(address, lambda client: client.tokenize("x"), timeout=0.1)


def test_an_error_names_its_field_reason_and_request(moody, driver, calls):
    _, address = moody(InvalidInput("sampling.top_p", "must be above 0"))
    with pytest.raises(InvalidArgumentError, match="must be above 0") as failure:
        driver.call(address, detokenize)
    error = failure.value
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.field == "sampling.top_p"
    assert error.fields == (("sampling.top_p", "must be above 0"),)
    assert error.reason == "INVALID_INPUT"
    assert error.request_id == calls[0][1]["x-request-id"]


def test_errors_are_typed(moody, driver):
    _, address = moody(NotFound("model", "x"))
    with pytest.raises(NotFoundError):
        driver.call(address, detokenize)


def test_a_bug_of_the_server_is_an_internal_error(moody, driver):
    _, address = moody(ZeroDivisionError())
    with pytest.raises(InternalError):
        driver.call(address, detokenize)


def test_the_key_and_a_request_id_go_along_and_the_id_survives_retries(moody, driver, calls):
    _, address = moody(SOON)
    driver.call(address, detokenize, api_key="qd-secret")
    first, second = (metadata for _, metadata in calls)
    assert first["authorization"] == "Bearer qd-secret"
    assert len(first["x-request-id"]) == 36
    assert first["x-request-id"] == second["x-request-id"]


@pytest.mark.parametrize("key", ["qd-…", "two words", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_refused_before_any_call(driver, key):
    with pytest.raises(ValueError, match="api_key must be printable ASCII"):
        driver.call("127.0.0.1:9", detokenize, api_key=key)


def test_no_server_is_unavailable(driver):
    with pytest.raises(UnavailableError):
        driver.call("127.0.0.1:9", detokenize, max_retries=0)
