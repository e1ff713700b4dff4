import asyncio

import grpc
from quadrille_client import QuadrilleError

from benchmarks.image.load import alternated, closed, opened
from benchmarks.image.requests import Request

REQUESTS = [Request("x", 1, seed) for seed in range(6)]


class Counting:
    """Answers after two turns of the loop, and knows how many it was asked at once."""

    def __init__(self, fails=()):
        self.now, self.most, self.asked, self.fails = 0, 0, [], fails

    async def __call__(self, request):
        self.asked.append(request.seed)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.now -= 1
        if request.seed in self.fails:
            raise QuadrilleError(grpc.StatusCode.INTERNAL, "no")


async def test_clients_wait_for_their_answers():
    ask = Counting()
    outcomes = await closed(ask, REQUESTS, 2)
    assert ask.most == 2 and ask.asked == list(range(6))
    assert [one.request for one in outcomes] == REQUESTS


async def test_an_open_loop_waits_for_nobody():
    ask = Counting()
    await opened(ask, REQUESTS)
    assert ask.most == 6


async def test_in_an_open_loop_requests_are_sent_in_the_order_they_are_due():
    ask = Counting()
    due = [Request("x", 1, seed, due_s=0.03 - 0.01 * seed) for seed in range(3)]
    await opened(ask, due)
    assert ask.asked == [2, 1, 0]


async def test_a_request_that_fails_has_no_latency_and_ends_nothing():
    outcomes = await closed(Counting(fails=(1,)), REQUESTS, 3)
    assert [one.latency_s is None for one in outcomes] == [False, True, False, False, False, False]


async def test_engines_are_asked_in_turn():
    order = []

    def engine(name):
        async def ask(request):
            order.append((name, request.seed))

        return ask

    await alternated([engine("a"), engine("b")], REQUESTS[:2])
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
