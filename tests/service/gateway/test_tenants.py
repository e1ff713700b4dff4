"""Keys at the door and at the backends: each tenant sees its own, whichever way it asks."""

import grpc
import pytest
from quadrille_client import AsyncClient, NotFoundError, PermissionDeniedError, UnauthenticatedError
from serving.keys import digest

KEYS = {"ann": "acme", "eve": "other"}
GROUPS = 'groups = ["night shift", "day,shift"]'


def entries(path, *keys):
    path.write_text(
        "\n".join(
            f'[[keys]]\nname = "{name}"\nsha256 = "{digest(name)}"\ntenant = "{tenant}"\n{more}'
            for name, tenant, more in keys
        )
    )
    return path


@pytest.fixture
async def guarded(make_doors, tmp_path):
    """A gateway whose key acts for its callers at backends that ask for keys."""
    theirs = entries(
        tmp_path / "theirs.toml",
        ("gateway", "default", 'scopes = ["text", "image", "retrieval", "delegate"]'),
        ("direct", "acme", "revoked = true"),
    )
    ours = entries(tmp_path / "ours.toml", *((name, tenant, GROUPS) for name, tenant in KEYS.items()))
    return await make_doors({"api_keys_file": theirs}, api_keys_file=ours, backend_api_key="gateway")


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("The store keeps its truth in SQLite.")
    return path


async def test_what_one_tenant_ingests_does_not_exist_for_another(guarded, note):
    async with (
        AsyncClient(guarded.grpc, api_key="ann") as ann,
        AsyncClient(guarded.grpc, api_key="eve") as eve,
    ):
        async for _ in ann.ingest("notes", [note]):
            pass
        assert (await ann.ask("notes", "Where is the truth of the store?")).passages
        for asked in (eve.ask("notes", "truth?"), eve.search("notes", "truth"), eve.collections.get("notes")):
            with pytest.raises(NotFoundError):
                await asked
    principals = [call.principal for call in guarded.text.calls]
    assert {principal.tenant for principal in principals} == {"acme", "other"}
    assert {principal.name for principal in principals} == {"ann", "eve"}
    assert {principal.groups for principal in principals} == {frozenset({"night shift", "day,shift"})}
    assert all("delegate" not in principal.scopes for principal in principals)


async def test_only_a_delegate_acts_for_another_principal(guarded):
    async with AsyncClient(guarded.grpc, api_key="ann") as ann:
        with pytest.raises(PermissionDeniedError, match="principal"):
            await ann.acting_for("eve").models()


async def test_only_a_delegate_names_another_tenant(guarded):
    async with grpc.aio.insecure_channel(guarded.grpc) as channel:
        listing = channel.unary_unary("/quadrille.text.v1.TextService/ListModels")
        for tenant, code in (("acme", grpc.StatusCode.OK), ("other", grpc.StatusCode.PERMISSION_DENIED)):
            metadata = (("authorization", "Bearer ann"), ("quadrille-tenant", tenant))
            assert await listing(b"", metadata=metadata).code() is code


async def test_a_gateway_that_may_not_act_for_others_is_refused_behind(make_doors, tmp_path):
    theirs = entries(tmp_path / "theirs.toml", ("gateway", "default", ""))
    ours = entries(tmp_path / "ours.toml", ("ann", "acme", ""))
    doors = await make_doors({"api_keys_file": theirs}, api_keys_file=ours, backend_api_key="gateway")
    async with AsyncClient(doors.grpc, api_key="ann", max_retries=0) as client:
        with pytest.raises(PermissionDeniedError, match="may not act for another tenant"):
            await client.embed("x")


async def test_a_revoked_or_missing_key_behind_is_told_as_it_is(make_doors, tmp_path):
    theirs = entries(tmp_path / "theirs.toml", ("gateway", "default", "revoked = true"))
    for key in ("gateway", None):
        doors = await make_doors({"api_keys_file": theirs}, backend_api_key=key)
        async with AsyncClient(doors.grpc, max_retries=0) as client:
            with pytest.raises(UnauthenticatedError):
                await client.embed("x")
