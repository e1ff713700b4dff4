import asyncio
import sys

from quadrille.text.v1 import text_pb2
from serving.probe import is_serving
from serving.testing import running

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name


async def test_the_probe_tells_serving_from_not(make_server):
    server, _ = make_server()
    async with running(server, services=[SERVICE]) as address:
        assert await asyncio.to_thread(is_serving, address)
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "serving.probe", address)
        assert await process.wait() == 0
        await server.set_serving(False)
        assert not await asyncio.to_thread(is_serving, address)
    assert not await asyncio.to_thread(is_serving, address)
