import asyncio
import socket

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from serving.channel import open_channel


def ask(channel):
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)


async def test_a_new_channel_does_not_wait_with_an_old_one_that_found_nobody():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    async with open_channel(address) as old:
        for _ in range(6):  # it tries again ever later
            with pytest.raises(grpc.aio.AioRpcError):
                await ask(old)
            await asyncio.sleep(0.3)
        server.add_insecure_port(address)
        await server.start()
        async with open_channel(address) as new:
            assert (await ask(new)).status == health_pb2.HealthCheckResponse.SERVING
        await server.stop(0)
