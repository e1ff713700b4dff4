"""Streams through the gateway: whole characters; what ends at the client ends at the device."""

import time

import httpx
import pytest
from quadrille_client import AsyncClient, Client, DeadlineExceededError, InvalidArgumentError
from quadrille_client.types.image import Progress
from quadrille_client.types.text import Delta

LETTERS = "äöü漢字🙂"
LONG = {"max_tokens": 1000, "n": 16, "ignore_eos": True}
TEXT, IMAGE = "/quadrille.text.v1.TextService", "/quadrille.image.v1.ImageService"


def ended_early(url, method):
    """Calls of a method that this service saw end by cancellation or deadline."""
    page = httpx.get(url).text.splitlines()
    lines = [
        line for line in page if line.startswith("quadrille_rpc_handled_total") and f'"{method}"' in line
    ]
    return sum(
        float(line.split()[-1]) for line in lines if "CANCELLED" in line or "DEADLINE_EXCEEDED" in line
    )


@pytest.fixture
def metrics(stack):
    return {service.name: service.metrics_url for service in stack.services}


class Watched:
    """Waits until one more call of a method has ended early behind the gateway; the test's own limit is the end."""

    def __init__(self, url, method):
        self.url, self.method, self.before = url, method, ended_early(url, method)

    def wait(self):
        while ended_early(self.url, self.method) <= self.before:
            time.sleep(0.05)


def test_characters_come_whole(client):
    with client.stream_generate("Write:", regex=f"[{LETTERS}]{{24}}", max_tokens=200, n=2, seed=1) as stream:
        deltas = [event for event in stream if isinstance(event, Delta)]
    for index in range(2):
        pieces = [delta.text for delta in deltas if delta.index == index]
        assert len(pieces) > 4
        assert set("".join(pieces)) <= set(LETTERS)
        assert len("".join(pieces)) == 24


def test_leaving_a_stream_ends_it_at_the_device(client, metrics):
    text = Watched(metrics["textgen"], f"{TEXT}/Generate")
    with client.stream_generate("Once", **LONG) as stream:
        next(event for event in stream if isinstance(event, Delta))
    text.wait()
    images = Watched(metrics["imagegen"], f"{IMAGE}/Generate")
    with client.images.stream_generate("a red circle", steps=1000, count=2) as stream:
        next(event for event in stream if isinstance(event, Progress))
    images.wait()
    assert client.generate("Once", max_tokens=2).text  # the place is free


def test_leaving_an_answer_ends_the_chat_behind_it(client, metrics):
    chat = Watched(metrics["textgen"], f"{TEXT}/Chat")
    with client.stream_ask("docs", "What is derived?", max_tokens=600, passages=1, ignore_eos=True) as stream:
        events = iter(stream)
        next(events), next(events)
    chat.wait()


async def test_the_asynchronous_client_leaves_too(stack, metrics):
    text = Watched(metrics["textgen"], f"{TEXT}/Generate")
    async with AsyncClient(stack.address) as client, client.stream_generate("Once", **LONG) as stream:
        await anext(aiter(stream))
    text.wait()


def test_a_deadline_ends_the_call_behind_the_gateway(stack, metrics):
    images = Watched(metrics["imagegen"], f"{IMAGE}/Generate")
    with Client(stack.address, timeout=1, max_retries=0) as hurried, pytest.raises(DeadlineExceededError):
        hurried.images.generate("a red circle", steps=1000, count=8)
    images.wait()


def test_a_browser_that_leaves_ends_the_call_behind_the_gateway(stack, metrics):
    chat = Watched(metrics["textgen"], f"{TEXT}/Chat")
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True, "max_tokens": 800, "n": 16}
    url = f"http://127.0.0.1:{stack.ports.http}/v1/chat/completions"
    with httpx.stream("POST", url, json={**body, "ignore_eos": True}, timeout=60) as response:
        next(response.iter_lines())
    chat.wait()


def test_a_client_that_waits_for_a_whole_answer_and_leaves_ends_it_too(stack, metrics):
    chat = Watched(metrics["textgen"], f"{TEXT}/Chat")
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 800, "n": 16, "ignore_eos": True}
    url = f"http://127.0.0.1:{stack.ports.http}/v1/chat/completions"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=body, timeout=0.5)
    chat.wait()
    while running(metrics["textgen"]):  # and the rows at the device
        time.sleep(0.05)


def running(url):
    lines = httpx.get(url).text.splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("quadrille_text_requests_running")
    )


def test_a_named_stream_survives_its_reader_and_is_replayed_word_for_word(client, metrics):
    before = ended_early(metrics["textgen"], f"{TEXT}/Generate")
    named = client.named("survivor")
    with named.stream_generate("Once", max_tokens=60, ignore_eos=True, temperature=1) as stream:
        begun = [event for event, _ in zip(stream, range(3), strict=False)]
    whole = list(named.stream_generate("Once", max_tokens=60, ignore_eos=True, temperature=1))
    assert whole[:3] == begun
    assert whole[-1].usage.completion_tokens == 60
    assert list(named.stream_generate("Once", max_tokens=60, ignore_eos=True, temperature=1)) == whole
    assert ended_early(metrics["textgen"], f"{TEXT}/Generate") == before


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"max_tokens": 10**9}, "sampling.max_tokens"),
        ({"temperature": float("nan")}, "sampling.temperature"),
        ({"seed": -1}, "sampling.seed"),
        ({"logit_bias": {10**6: 1.0}}, "sampling.logit_bias"),
        ({"filter": {"not": {"field": "a' OR 1=1", "exists": True}}}, "filter.not.condition.field"),
        ({"passages": 10**9}, "top_k"),
    ],
    ids=str,
)
def test_a_question_that_is_refused_behind_names_the_askers_field(client, options, field):
    with pytest.raises(InvalidArgumentError) as caught:
        client.ask("docs", "What is derived?", **options)
    assert caught.value.field == field
