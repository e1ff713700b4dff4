import grpc
import pytest
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.metrics import GatewayMetrics
from gateway.watch import BackendWatch
from grpc_health.v1 import health_pb2
from prometheus_client import CollectorRegistry
from serving.health import Health


class Probe:
    """Says of a server whether it is among those that serve."""

    def __init__(self, name, serving) -> None:
        self.name = name
        self._serving = serving

    async def is_serving(self):
        return self.name in self._serving


@pytest.fixture
def serving():
    return {"a", "b"}


@pytest.fixture
def pool(serving):
    return Pool(["a", "b"], lambda address, name: Replica(address, None, Probe(address, serving)))


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
async def health():
    return Health(grpc.aio.server())


@pytest.fixture
async def watch(pool, health, registry):
    return BackendWatch(
        {"text": pool},
        {"text": ["Text"]},
        health,
        GatewayMetrics(registry),
        own_services=["Rag"],
        interval_s=1,
    )


async def status(health, service):
    answer = await health.Check(health_pb2.HealthCheckRequest(service=service), None)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_follows_what_can_be_served(watch, pool, serving, health):
    a, b = pool.replicas
    a.models, b.models = frozenset("mn"), frozenset("m")
    for up, text, whole in (
        ({"a", "b"}, True, True),
        ({"a"}, True, True),
        ({"b"}, True, False),
        (set(), False, False),
    ):
        serving.clear()
        serving.update(up)
        await watch.look()
        assert [await status(health, name) for name in ("Text", "Rag", "")] == [text, whole, whole]
        assert watch.down == (() if whole else ("text",))
        assert {item.address for item in pool.replicas if item.serving} == up


async def test_servers_that_are_gone_are_shown_no_longer(watch, pool, registry):
    def shown(name):
        return registry.get_sample_value("quadrille_gateway_backend_up", {"backend": name})

    await watch.look()
    assert (shown("a"), shown("b")) == (1, 1)
    pool.update("b", ["c", "d"])
    await watch.look()
    assert (shown("a"), shown("b"), shown("c")) == (1, None, 0)
