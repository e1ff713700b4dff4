"""TLS at the door, both ways in, and TLS to the backends."""

import ssl

import httpx
import pytest
from quadrille_client import AsyncClient, Tls, UnavailableError


def pair(party, prefix):
    return {f"{prefix}_certificate": party.certificate, f"{prefix}_key": party.key}


def context(certificates, party=None):
    made = ssl.create_default_context(cafile=certificates.ca)
    if party is not None:
        made.load_cert_chain(party.certificate, party.key)
    return made


async def test_backends_behind_mtls_are_reached_with_the_gateways_certificate(make_doors, certificates):
    backends = {**pair(certificates.server, "tls"), "tls_client_ca": certificates.ca}
    doors = await make_doors(backends, backend_ca=certificates.ca, **pair(certificates.client, "backend"))
    async with AsyncClient(doors.grpc, max_retries=0) as client:
        assert len((await client.embed("a")).vectors) == 1  # proxied
        await client.collections.create("c", 2)
        assert await client.is_serving()
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        assert len((await plain.get("/v1/models")).json()["data"]) == 3


async def test_a_gateway_without_a_certificate_does_not_reach_them(make_doors, certificates):
    backends = {**pair(certificates.server, "tls"), "tls_client_ca": certificates.ca}
    doors = await make_doors(backends, backend_ca=certificates.ca)
    async with AsyncClient(doors.grpc, max_retries=0, timeout=10) as client:
        with pytest.raises(UnavailableError):
            await client.embed("a")
        assert not await client.is_serving()


async def test_the_door_is_closed_to_clear_text_both_ways_in(make_doors, certificates):
    doors = await make_doors(**pair(certificates.server, "tls"))
    secure = doors.http.replace("http:", "https:")
    async with AsyncClient(doors.grpc, tls=Tls(certificates.ca)) as client:
        assert (await client.chat("hi")).text == "You said: hi"
    async with httpx.AsyncClient(base_url=secure, verify=context(certificates)) as trusting:
        assert (await trusting.get("/readyz")).status_code == 200
        body = {"messages": [{"role": "user", "content": "hi"}]}
        assert (await trusting.post("/v1/chat/completions", json=body)).status_code == 200
    async with httpx.AsyncClient(base_url=doors.http) as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get("/v1/models")


async def test_mtls_holds_for_http_too(make_doors, certificates):
    doors = await make_doors(**pair(certificates.server, "tls"), tls_client_ca=certificates.ca)
    secure = doors.http.replace("http:", "https:")
    ours, theirs = context(certificates, certificates.client), context(certificates, certificates.stranger)
    async with httpx.AsyncClient(base_url=secure, verify=ours) as known:
        assert (await known.get("/healthz")).status_code == 200
    for verify in (theirs, context(certificates)):
        async with httpx.AsyncClient(base_url=secure, verify=verify) as stranger:
            with pytest.raises(httpx.TransportError):
                await stranger.get("/healthz")
