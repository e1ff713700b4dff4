import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from quadrille.text.v1 import text_pb2
from serving.channel import open_channel
from serving.health import MAX_BEHIND
from serving.testing import running

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def watching(channel, service=SERVICE):
    return aiter(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service)))


async def told(watch, count):
    return [(await anext(watch)).status for _ in range(count)]


async def test_it_begins_as_not_serving(make_server):
    server, _ = make_server()
    await server.start([SERVICE])
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        watch = watching(channel)
        assert await told(watch, 1) == [NOT_SERVING]
        await server.set_serving()
        assert await told(watch, 1) == [SERVING]
    await server.drain()


async def test_watch_streams_every_change_however_fast(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        whole, one = watching(channel, ""), watching(channel)
        assert await told(whole, 1) == await told(one, 1) == [SERVING]
        for serving in (False, True, True, False, True):
            await server.set_serving(serving)
        changes = [NOT_SERVING, SERVING, NOT_SERVING, SERVING]
        assert await told(whole, 4) == await told(one, 4) == changes


async def test_a_service_that_comes_later_is_unknown_until_then(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        watch = watching(channel, "late")
        assert await told(watch, 1) == [UNKNOWN]
        await server.health.set("late", True)
        assert await told(watch, 1) == [SERVING]
        check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="never"))
        assert await check.code() is grpc.StatusCode.NOT_FOUND


async def test_all_are_listed(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        listed = await health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest())
        assert {name: told.status for name, told in listed.statuses.items()} == {
            "": SERVING,
            SERVICE: SERVING,
        }


async def test_a_watcher_that_lags_loses_the_oldest_and_holds_nobody_up(make_server):
    server, _ = make_server()

    class Stalled:
        """A context whose reader takes nothing until it is let."""

        def __init__(self):
            self.open, self.seen = asyncio.Event(), []

        async def write(self, response):
            await self.open.wait()
            self.seen.append(response.status)

    context = Stalled()
    watcher = asyncio.create_task(
        server.health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), context)
    )
    await asyncio.sleep(0)
    for number in range(2 * MAX_BEHIND + 1):
        await server.health.set(SERVICE, number % 2 == 0)
    await server.health.shut_down()
    context.open.set()
    async with asyncio.timeout(10):
        while len(context.seen) <= MAX_BEHIND:
            await asyncio.sleep(0)
    assert context.seen[0] == UNKNOWN
    assert context.seen[-1] == NOT_SERVING
    watcher.cancel()


async def test_after_the_end_nothing_serves_again(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address, open_channel(address) as channel:
        watch = watching(channel)
        assert await told(watch, 1) == [SERVING]
        await server.health.shut_down()
        await server.set_serving(True)
        await server.health.set(SERVICE, True)
        check = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert check.status == NOT_SERVING
        assert await told(watch, 1) == [NOT_SERVING]
