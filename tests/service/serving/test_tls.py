import asyncio
import sys

import grpc
import pytest
from quadrille.text.v1 import text_pb2, text_pb2_grpc
from quadrille_client import AsyncClient, Tls, UnavailableError
from serving.channel import TlsOptions, open_channel
from serving.probe import is_serving
from serving.testing import running

SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"].full_name


def shown(certificates, **more):
    return {"tls_certificate": certificates.server.certificate, "tls_key": certificates.server.key, **more}


async def answers(address, certificates, party=None):
    """Whether the server's own channel to a peer, and the client, get through."""
    pair = () if party is None else (party.certificate, party.key)
    async with (
        open_channel(address, TlsOptions(certificates.ca, *pair)) as channel,
        AsyncClient(address, tls=Tls(certificates.ca, *pair), max_retries=0) as client,
    ):
        call = text_pb2_grpc.TextServiceStub(channel).Detokenize(text_pb2.DetokenizeRequest(), timeout=10)
        try:
            said = await client.detokenize([1])
        except UnavailableError:
            assert await call.code() is grpc.StatusCode.UNAVAILABLE
            return False
        return bool(said) and await call.code() is grpc.StatusCode.OK


async def test_tls_serves_those_who_trust_its_authority_and_nobody_in_clear(make_server, certificates):
    server, _ = make_server(**shown(certificates))
    async with running(server, services=[SERVICE]) as address:
        assert await answers(address, certificates)
        async with AsyncClient(address, max_retries=0, timeout=10) as plain:
            with pytest.raises(UnavailableError):
                await plain.detokenize([1])
        async with AsyncClient(address, tls=Tls(certificates.stranger.certificate), max_retries=0) as other:
            with pytest.raises(UnavailableError):
                await other.detokenize([1])


async def test_mtls_asks_for_a_certificate_of_its_authority(make_server, certificates):
    server, _ = make_server(**shown(certificates, tls_client_ca=certificates.ca))
    async with running(server, services=[SERVICE]) as address:
        assert await answers(address, certificates, certificates.client)
        assert not await answers(address, certificates)
        assert not await answers(address, certificates, certificates.stranger)


async def test_the_probe_speaks_both(make_server, certificates):
    server, _ = make_server(**shown(certificates, tls_client_ca=certificates.ca))
    ours = (certificates.ca, certificates.client.certificate, certificates.client.key)
    async with running(server, services=[SERVICE]) as address:
        assert await asyncio.to_thread(is_serving, address, *ours)
        assert not await asyncio.to_thread(is_serving, address, certificates.ca)
        assert not await asyncio.to_thread(is_serving, address)
        command = (sys.executable, "-m", "serving.probe", address, *map(str, ours))
        assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0


async def test_a_server_reached_by_address_shows_the_certificate_of_its_name(make_server, certificates):
    server, _ = make_server(**shown(certificates))
    async with running(server, services=[SERVICE]) as address:

        async def code(name):
            async with open_channel(address, TlsOptions(certificates.ca), server_name=name) as channel:
                stub = text_pb2_grpc.TextServiceStub(channel)
                return await stub.Detokenize(text_pb2.DetokenizeRequest(), timeout=10).code()

        assert await code("localhost") is grpc.StatusCode.OK
        assert await code("elsewhere") is grpc.StatusCode.UNAVAILABLE
