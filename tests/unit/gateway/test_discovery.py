import asyncio

import pytest
from gateway.balancing.discovery import Discovery, resolve
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica


class Channel:
    closed = False

    async def close(self, grace):
        self.closed = True


@pytest.fixture
def names():
    return {}


def pool_of(*addresses):
    connected = []

    def connect(address, name):
        connected.append((address, name))
        return Replica(address, Channel(), None)

    return Pool(addresses, connect), connected


def watch(pool, names):
    async def resolve(host):
        host.encode("idna")
        if host not in names:
            raise OSError("no such name")
        return names[host]

    return Discovery([pool], 1.0, resolve)


def addresses(pool):
    return [replica.address for replica in pool.replicas]


async def test_a_name_of_several_addresses_is_several_servers(names):
    pool, connected = pool_of("text:50051", "10.0.0.9:50051")
    discovery = watch(pool, names)
    names["text"] = ["10.0.0.2", "10.0.0.1", "10.0.0.2"]
    await discovery.look()
    assert addresses(pool) == ["10.0.0.1:50051", "10.0.0.2:50051", "10.0.0.9:50051"]
    assert connected[-2:] == [("10.0.0.1:50051", "text"), ("10.0.0.2:50051", "text")]
    names["text"] = ["fd00::1", "fd00::2", "10.0.0.3"]
    await discovery.look()
    assert addresses(pool) == ["[fd00::1]:50051", "[fd00::2]:50051", "10.0.0.9:50051"]


async def test_what_stays_keeps_its_state_and_what_goes_ends_its_calls_first(names):
    pool, _ = pool_of("text:1")
    discovery = watch(pool, names)
    names["text"] = ["10.0.0.1", "10.0.0.2"]
    (before,) = pool.replicas
    await discovery.look()
    assert not before.channel.closed  # somebody may just have picked it
    one, two = pool.replicas
    two.calls = 1
    names["text"] = ["10.0.0.1", "10.0.0.3"]
    await discovery.look()
    assert pool.replicas[0] is one
    assert before.channel.closed
    assert not two.channel.closed
    two.calls = 0
    await discovery.look()
    assert two.channel.closed
    assert not one.channel.closed
    await pool.close()
    assert one.channel.closed


class Probe:
    """Says that a server serves once it may."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def is_serving(self):
        await self.go.wait()
        return True


async def test_a_server_that_goes_is_closed_once_its_health_is_known(names):
    channel, probe = Channel(), Probe()
    pool = Pool(["text:1"], lambda address, name: Replica(address, channel, probe))
    discovery = watch(pool, names)
    (replica,) = pool.replicas
    looking = asyncio.create_task(replica.look())
    await asyncio.sleep(0)
    names["text"] = ["10.0.0.1", "10.0.0.2"]
    await discovery.look()
    await discovery.look()
    assert not channel.closed  # which would cancel who looks
    probe.go.set()
    await looking
    await discovery.look()
    assert channel.closed


async def test_a_single_address_is_left_to_the_channel_and_a_failure_changes_nothing(names):
    pool, connected = pool_of("localhost:1", "gone:2", "dns:///text:3", "127.0.0.1:4", "[::1]:5", "a..b:6")
    before = pool.replicas
    names["localhost"] = ["::1", "127.0.0.1"]
    await watch(pool, names).look()
    assert pool.replicas == before
    assert len(connected) == 6


async def test_two_names_of_one_server_are_one_server(names):
    pool, _ = pool_of("a:1", "b:1")
    names["a"] = names["b"] = ["10.0.0.1", "10.0.0.2"]
    await watch(pool, names).look()
    assert addresses(pool) == ["10.0.0.1:1", "10.0.0.2:1"]
    every = [replica for group in pool._groups.values() for replica in group]
    await pool.close()
    assert all(replica.channel.closed for replica in every)


def test_others_cover_for_what_is_down():
    pool, _ = pool_of("a", "b", "c")
    a, b, c = pool.replicas
    a.models, b.models, c.models = frozenset("xy"), frozenset("x"), None
    assert pool.covered()
    b.serving = False
    assert pool.covered()
    a.serving = False
    b.serving = True
    assert not pool.covered()
    a.serving, c.serving = True, False  # nobody knows what it has
    assert not pool.covered()
    a.serving = b.serving = False
    assert not pool.covered()


async def test_the_system_knows_this_machine():
    assert set(await resolve("localhost")) & {"127.0.0.1", "::1"}
