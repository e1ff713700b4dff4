"""Files through OpenAI's own client, kept by the retrieval service."""

import openai
import pytest
from gateway.files.library import COLLECTION
from quadrille_client import AsyncClient
from serving.keys import digest

NOTE = b"# Tides\n\nEbb and flow follow the moon."


async def test_a_file_comes_back_as_it_was_uploaded(client):
    for name, data in {"note.md": NOTE, "größe 漢.bin": bytes(range(256)) * 20_000, "a.txt": b""}.items():
        made = await client.files.create(file=(name, data), purpose="assistants")
        assert (made.filename, made.bytes, made.purpose, made.status) == (
            name,
            len(data),
            "assistants",
            "processed",
        )
        assert await client.files.retrieve(made.id) == made
        assert (await client.files.content(made.id)).read() == data


async def test_files_are_listed_in_pages_by_purpose_and_order(client):
    assert [file async for file in client.files.list()] == []
    made = [
        await client.files.create(file=(f"{n}.txt", b"x"), purpose="batch" if n == 2 else "user_data")
        for n in range(5)
    ]
    names = ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert [file.filename async for file in client.files.list(limit=2)] == names
    assert [file.filename async for file in client.files.list(order="asc")] == names[::-1]
    assert [file.id async for file in client.files.list(purpose="batch")] == [made[2].id]
    page = await client.files.list(after=made[3].id, limit=2)
    assert ([file.filename for file in page.data], page.has_more) == (["2.txt", "1.txt"], True)
    with pytest.raises(openai.BadRequestError, match="not in this list"):
        await client.files.list(after="file-none")


async def test_deleted_files_leave_nothing_behind(client, services):
    made = await client.files.create(file=("a.txt", b"x" * 4_000_000), purpose="user_data")
    assert (await client.files.delete(made.id)).deleted
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            await call(made.id)
    async with AsyncClient(services.addresses["retrieval_address"]) as retrieval:
        assert (await retrieval.collections.get(COLLECTION)).document_count == 0


async def test_files_outlive_the_gateway(services):
    first = await services.gateway()
    made = await (await services.client(first)).files.create(file=("a.md", NOTE), purpose="user_data")
    second = await services.client(await services.gateway())
    assert await second.files.retrieve(made.id) == made
    assert (await second.files.content(made.id)).read() == NOTE


async def test_files_are_no_business_of_other_tenants_or_of_keys_without_the_scope(services, tmp_path):
    keys = {"ann": "acme", "eve": "other", "tex": "acme"}
    scopes = {"tex": 'scopes = ["text"]'}
    path = tmp_path / "keys.toml"
    path.write_text(
        "\n".join(
            f'[[keys]]\nname = "{name}"\nsha256 = "{digest(name)}"\ntenant = "{tenant}"\n{scopes.get(name, "")}'
            for name, tenant in keys.items()
        )
    )
    gateway = await services.gateway(api_keys_file=path)
    ann, eve, tex = [await services.client(gateway, name) for name in keys]
    made = await ann.files.create(file=("a.md", NOTE), purpose="user_data")
    store = await ann.vector_stores.create(name="notes", file_ids=[made.id])
    with pytest.raises(openai.NotFoundError):
        await eve.files.content(made.id)
    with pytest.raises(openai.NotFoundError):
        await eve.vector_stores.search(store.id, query="moon")
    own = await eve.vector_stores.create(name="mine")
    with pytest.raises(openai.NotFoundError, match="file"):
        await eve.vector_stores.files.create(own.id, file_id=made.id)
    assert [file async for file in eve.files.list()] == []
    with pytest.raises(openai.PermissionDeniedError):
        await tex.files.list()


async def test_bad_uploads_and_ids_are_refused(client):
    for name, purpose, param in (("a", "art", "purpose"), ("n" * 1025, "user_data", "file")):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.files.create(file=(name, b"x"), purpose=purpose)
        assert caught.value.body["param"] == param
    with pytest.raises(openai.APIStatusError) as caught:
        await client.files.create(file=("a", bytes(17 * 1024 * 1024)), purpose="user_data")
    assert caught.value.status_code == 413
    for bad in ("file-x", "../openai-files", "file-" + "0" * 32, "file-" + "0" * 32 + "/0"):
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(bad)
