"""Locust users, one class a kind. Each has its own connection and sends its requests in turn, on a schedule."""

import itertools
import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import gevent
import requests
from corpus import PROMPTS, QUESTIONS, TEXTS, Corpus
from locust import User, task
from quadrille_client import Client, QuadrilleError
from quadrille_client.types.rag import AnswerDelta, AskFinished
from quadrille_client.types.text import Delta, Finished
from report import Results, Sample
from schedule import Schedule

TOKENS = 32
STEPS = 4


@dataclass(frozen=True, slots=True)
class Run:
    """What all users share; the locust environment carries it as `run`. `ends` is in time.monotonic()."""

    address: str
    http: str
    api_key: str | None
    timeout: float
    rate: float
    ends: float
    corpus: Corpus
    results: Results


class Unserved(Exception):
    """An answer that is none."""


class Paced(User):
    """Sends the requests named in `turns`, one method each, `per_second` of them, and times them."""

    abstract = True
    kind: ClassVar[str]
    turns: ClassVar[tuple[str, ...]]
    per_second: ClassVar[float]

    def on_start(self) -> None:
        self.run: Run = self.environment.run
        self.client = Client(
            self.run.address, api_key=self.run.api_key, timeout=self.run.timeout, max_retries=0
        )
        self.numbers = itertools.count(random.randrange(1000))
        interval = 1 / (self.per_second * self.run.rate)
        now = time.monotonic()
        self.schedule = Schedule(now + random.uniform(0, interval), interval, self.turns)
        gevent.sleep(self.schedule.wait_s(now))

    def on_stop(self) -> None:
        self.run.results.unsent.update((self.kind, turn) for turn in self.schedule.unsent(self.run.ends))
        self.client.close()

    def wait_time(self) -> float:
        return self.schedule.wait_s(time.monotonic())

    @task
    def send(self) -> None:
        if time.monotonic() >= self.run.ends:
            return
        due, turn = self.schedule.take()
        call: Callable[[int], float | None] = getattr(self, turn)
        first = error = None
        try:
            first = call(next(self.numbers))
        except QuadrilleError as failure:
            error = failure.code.name
        except Unserved as failure:
            error = str(failure)
        except Exception as failure:
            error = type(failure).__name__
        taken, first_s = time.monotonic() - due, None if first is None else first - due
        self.run.results.samples.append(Sample(self.kind, turn, taken, first_s, error))


class Http(Paced):
    """The OpenAI-compatible door."""

    kind, weight, per_second = "http", 3, 1.0
    turns = ("chat", "embeddings", "embeddings", "chat", "embeddings", "images")

    def on_start(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy on the way
        if self.environment.run.api_key:
            self.session.headers["authorization"] = f"Bearer {self.environment.run.api_key}"
        super().on_start()

    def chat(self, number: int) -> float:
        message = {"role": "user", "content": TEXTS[number % len(TEXTS)]}
        body = {"messages": [message], "max_tokens": TOKENS, "ignore_eos": True, "stream": True}
        with self._post("chat/completions", body, stream=True) as response:
            return _first_of_stream(response.iter_lines())

    def embeddings(self, number: int) -> None:
        answer = self._post("embeddings", {"input": TEXTS[number % len(TEXTS)]}).json()
        _expect(answer["data"][0]["embedding"])

    def images(self, number: int) -> None:
        body = {"prompt": PROMPTS[number % len(PROMPTS)], "steps": STEPS, "seed": number}
        _expect(self._post("images/generations", body).json()["data"][0]["b64_json"])

    def _post(self, path: str, body: dict[str, Any], *, stream: bool = False) -> requests.Response:
        url, timeout = f"{self.run.http}/v1/{path}", self.run.timeout
        response = self.session.post(url, json=body, stream=stream, timeout=timeout)
        if response.status_code != 200:
            response.close()
            raise Unserved(f"HTTP {response.status_code}")
        return response


class Text(Paced):
    """TextService."""

    kind, weight, per_second = "text", 2, 1.0
    turns = ("generate", "embed")

    def generate(self, number: int) -> float:
        prompt = TEXTS[number % len(TEXTS)]
        with self.client.stream_generate(prompt, max_tokens=TOKENS, ignore_eos=True) as events:
            return _first(events, Delta, Finished)

    def embed(self, number: int) -> None:
        _expect(self.client.embed(TEXTS[number % len(TEXTS)]).vectors)


class Image(Paced):
    """ImageService."""

    kind, weight, per_second = "image", 1, 0.25
    turns = ("generate",)

    def generate(self, number: int) -> None:
        prompt = PROMPTS[number % len(PROMPTS)]
        _expect(self.client.images.generate(prompt, steps=STEPS, seed=number))


class Retrieval(Paced):
    """SearchService and DocumentService."""

    kind, weight, per_second = "retrieval", 1, 4.0
    turns = ("search", "search", "search", "upsert")

    def search(self, number: int) -> None:
        text, vector = TEXTS[number % len(TEXTS)], self.run.corpus.vectors[number % len(TEXTS)]
        found = self.client.search(self.run.corpus.searched, text, vector=vector, mode="hybrid", top_k=10)
        _expect(found.hits)

    def upsert(self, number: int) -> None:
        corpus = self.run.corpus
        document = corpus.document(f"{id(self)}-{number % 100}", number)
        _expect(self.client.documents.upsert(corpus.searched, [document], embedding_model=corpus.stamp).lsn)


class Rag(Paced):
    """RagService."""

    kind, weight, per_second = "rag", 1, 0.25
    turns = ("ask",)

    def ask(self, number: int) -> float:
        question = QUESTIONS[number % len(QUESTIONS)]
        with self.client.stream_ask(self.run.corpus.asked, question, max_tokens=TOKENS) as events:
            return _first(events, AnswerDelta, AskFinished)


KINDS = (Http, Text, Image, Retrieval, Rag)


def _expect(value: Any) -> None:
    if not value:
        raise Unserved("empty answer")


def _first(events: Iterable[Any], piece: type, end: type) -> float:
    """When the first piece came, of a stream that is read to its end."""
    first = last = None
    for last in events:
        if first is None and isinstance(last, piece):
            first = time.monotonic()
    if first is None or not isinstance(last, end):
        raise Unserved("stream without its end")
    return first


def _first_of_stream(lines: Iterable[bytes]) -> float:
    first, data = None, b""
    for line in lines:
        data = line.removeprefix(b"data: ") if line.startswith(b"data: ") else data
        if first is None and data and data != b"[DONE]":
            content = json.loads(data)["choices"][0]["delta"].get("content")
            first = time.monotonic() if content else None
    if first is None or data != b"[DONE]":
        raise Unserved("stream without its end")
    return first
