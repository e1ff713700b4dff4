import grpc
import pytest
from gateway.balancing.balancer import Balancer
from gateway.balancing.budget import RetryBudget
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.balancing.work import Load, Work, blocks_of
from gateway.metrics import GatewayMetrics
from gateway.routing import Choice
from grpc.aio import AioRpcError, Metadata
from prometheus_client import CollectorRegistry
from serving.errors import Overloaded, QuadrilleError, Unavailable
from serving.status import code_of, trailers_of
from structlog.testing import capture_logs

CODE = grpc.StatusCode


class Probe:
    def __init__(self, name):
        self.name = name


class Routes:
    """All servers of a pool that serve and weren't tried."""

    def __init__(self, *addresses, model="") -> None:
        self.pool = Pool(addresses, lambda address, name: Replica(address, None, Probe(address)))
        self.model = model

    async def route(self, model, capability, without=()):
        found = [item for item in self.pool.replicas if item not in without and item.serving]
        if not found:
            raise Unavailable("nobody")
        return Choice(self.model or model, tuple(found))


def failure(code):
    return AioRpcError(code, Metadata(), Metadata(), "because")


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def balance(registry):
    return lambda routes, **options: Balancer(routes, GatewayMetrics(registry), **options)


class Answers:
    """What each server says: a text, or a code or an error that it fails with."""

    def __init__(self, **by_address) -> None:
        self.by_address = by_address
        self.asked = []

    async def __call__(self, lease):
        self.asked.append(lease.replica.address)
        answer = self.by_address[lease.replica.address]
        if isinstance(answer, CODE):
            raise failure(answer)
        if isinstance(answer, QuadrilleError):
            trailers = Metadata(*trailers_of(answer, "id"))
            raise AioRpcError(code_of(answer), Metadata(), trailers, answer.message)
        return answer


class Stream:
    """Messages, then an end or a code."""

    def __init__(self, *messages) -> None:
        self.messages = list(messages)
        self.cancelled = False

    def cancel(self):
        self.cancelled = True

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.messages:
            raise StopAsyncIteration
        message = self.messages.pop(0)
        if isinstance(message, CODE):
            raise failure(message)
        return message


async def test_another_answers_for_a_lost_one_which_is_then_avoided(balance, registry):
    routes, send = Routes("a", "b"), Answers(a=CODE.UNAVAILABLE, b="fine")
    balancer = balance(routes)
    assert [await balancer.unary(Work(), send) for _ in range(2)] == ["fine"] * 2
    assert send.asked == ["a", "b", "b"]
    assert [(item.calls, item.outstanding) for item in routes.pool.replicas] == [(0, 0)] * 2
    assert registry.get_sample_value("quadrille_gateway_retries_total", {"outcome": "made"}) == 1


async def test_why_a_server_is_lost_is_told_once(balance):
    routes = Routes("a")
    balancer, (server,) = balance(routes), routes.pool.replicas

    async def send(lease):
        raise failure(CODE.UNAVAILABLE)

    async def overtaken(lease):
        server.lost()
        raise failure(CODE.UNAVAILABLE)

    for calls, told in ((send, 1), (overtaken, 0)):
        server.looked_at(serving=True)
        with capture_logs() as lines, pytest.raises(AioRpcError):
            await balancer.unary(Work(), calls)
        assert [(line["event"], line["server"], line["why"]) for line in lines] == [
            ("server_lost", "a", "because")
        ] * told


async def test_the_last_one_s_own_error_is_what_the_caller_gets(balance):
    send = Answers(a=CODE.UNAVAILABLE)
    with pytest.raises(AioRpcError, match="because"):
        await balance(Routes("a")).unary(Work(), send)
    assert send.asked == ["a"]


async def test_three_are_tried_at_most(balance):
    send = Answers(**dict.fromkeys("abcd", CODE.CANCELLED))
    with pytest.raises(AioRpcError):
        await balance(Routes(*"abcd")).unary(Work(), send)
    assert len(send.asked) == 3


async def test_another_is_asked_where_one_has_too_much_to_do_which_keeps_its_place(balance):
    routes, send = Routes("a", "b"), Answers(a=Overloaded("full", retry_after_s=1), b="fine")
    assert await balance(routes).unary(Work(), send) == "fine"
    assert send.asked == ["a", "b"]
    assert routes.pool.replicas[0].serving


@pytest.mark.parametrize("code", [CODE.INVALID_ARGUMENT, CODE.RESOURCE_EXHAUSTED, CODE.INTERNAL])
async def test_what_a_server_answers_is_no_reason_to_ask_another(balance, code):
    send = Answers(a=code, b="fine")
    with pytest.raises(AioRpcError):
        await balance(Routes("a", "b")).unary(Work(), send)
    assert send.asked == ["a"]


async def test_a_request_that_is_a_stream_is_sent_once(balance):
    send = Answers(a=CODE.UNAVAILABLE, b="fine")
    with pytest.raises(AioRpcError):
        await balance(Routes("a", "b")).unary(Work(repeatable=False), send)
    assert send.asked == ["a"]


async def test_retries_end_with_their_budget(balance, registry):
    routes, send = Routes("a", "b"), Answers(a=CODE.UNAVAILABLE, b="fine")
    balancer = balance(routes, budget=RetryBudget(reserve=1, ratio=0))
    assert await balancer.unary(Work(), send) == "fine"
    routes.pool.replicas[0].serving = True
    with pytest.raises(AioRpcError):
        await balancer.unary(Work(), send)
    assert registry.get_sample_value("quadrille_gateway_retries_total", {"outcome": "over_budget"}) == 1


async def test_calls_earn_retries(balance):
    routes, send = Routes("a", "b"), Answers(a=CODE.UNAVAILABLE, b="fine")
    balancer = balance(routes, budget=RetryBudget(reserve=1, ratio=1))
    for _ in range(3):
        routes.pool.replicas[0].serving = True
        assert await balancer.unary(Work(), send) == "fine"
    assert send.asked == ["a", "b"] * 3


async def test_what_is_sent_somewhere_is_taken_to_be_cached_there(balance):
    routes = Routes("a", "b")
    a, b = routes.pool.replicas
    balancer, send = balance(routes), Answers(a="a", b="b")
    prompt = Work(weigh=lambda: Load(700, blocks_of(b"x" * 2048)))
    for here, there in ((a, b), (b, a)):
        here.prefixes.clear()
        here.outstanding, there.outstanding = 10**6, 0
        assert await balancer.unary(prompt, send) == there.address
        here.outstanding, there.outstanding = 0, 100
        assert await balancer.unary(prompt, send) == there.address
        there.outstanding = 0


async def test_a_server_that_fails_again_and_again_is_taken_out(balance, registry):
    routes, send = Routes("a"), Answers(a=CODE.INTERNAL)
    balancer = balance(routes)
    for _ in range(5):
        assert routes.pool.replicas[0].ejection.admits
        with pytest.raises(AioRpcError):
            await balancer.unary(Work(), send)
    assert not routes.pool.replicas[0].ejection.admits
    assert registry.get_sample_value("quadrille_gateway_backend_ejections_total", {"backend": "a"}) == 1


async def test_bad_requests_take_nobody_out(balance):
    routes, send = Routes("a"), Answers(a=CODE.INVALID_ARGUMENT)
    for _ in range(9):
        with pytest.raises(AioRpcError):
            await balance_of(routes).unary(Work(), send)
    assert routes.pool.replicas[0].ejection.admits


def balance_of(routes):
    return Balancer(routes, GatewayMetrics(CollectorRegistry()))


async def test_running_work_counts_and_ends_however_the_call_does(balance):
    routes = Routes("a", "b")
    balancer = balance(routes)
    heavy = Work(weigh=lambda: Load(50))
    first = balancer.stream(heavy, lambda lease: Stream(lease.replica.address, "more"))
    assert await anext(first) == "a"
    second = balancer.stream(Work(), lambda lease: Stream(lease.replica.address, "more"))
    assert await anext(second) == "b"
    third = balancer.stream(Work(), lambda lease: Stream(lease.replica.address, "more"))
    assert await anext(third) == "b"
    assert [(item.calls, item.outstanding) for item in routes.pool.replicas] == [(1, 50), (2, 2)]
    for stream in (first, second, third):
        await stream.aclose()
    assert [(item.calls, item.outstanding) for item in routes.pool.replicas] == [(0, 0)] * 2
    assert all(item.serving and item.ejection.admits for item in routes.pool.replicas)


async def test_a_stream_goes_to_another_before_its_first_message_only(balance):
    routes = Routes("a", "b")
    streams = {"a": Stream(CODE.UNAVAILABLE), "b": Stream("x", "y")}
    balancer = balance(routes)
    assert [item async for item in balancer.stream(Work(), lambda lease: streams[lease.replica.address])] == [
        "x",
        "y",
    ]
    assert streams["a"].cancelled
    routes.pool.replicas[0].serving = True
    streams = {"a": Stream("x", CODE.UNAVAILABLE), "b": Stream("z")}
    got = []
    with pytest.raises(AioRpcError):
        async for item in balancer.stream(Work(), lambda lease: streams[lease.replica.address]):
            got += [item]
    assert got == ["x"]
    assert streams["b"].messages == ["z"]


async def test_a_closed_stream_cancels_its_call(balance):
    call = Stream("x", "y")
    stream = balance(Routes("a")).stream(Work(), lambda lease: call)
    await anext(stream)
    await stream.aclose()
    assert call.cancelled


async def test_what_changes_servers_reaches_all_and_fails_if_one_does(balance):
    send = Answers(a="one", b="two")
    assert await balance(Routes("a", "b")).everywhere(Work(), send) == "one"
    assert send.asked == ["a", "b"]
    send = Answers(a=CODE.NOT_FOUND, b="two")
    with pytest.raises(AioRpcError):
        await balance_of(Routes("a", "b")).everywhere(Work(), send)
    assert send.asked == ["a", "b"]


async def test_a_stand_in_is_asked_for_by_its_name(balance, registry):
    async def send(lease):
        return lease.model

    assert await balance(Routes("a", model="small")).unary(Work("big"), send) == "small"
    assert registry.get_sample_value("quadrille_gateway_fallbacks_total", {"model": "big"}) == 1
