"""Re-embedding through the SDK, against a true store."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from quadrille_client import AsyncClient, Chunk, Client, Document, FailedPreconditionError
from quadrille_client._async import reembed
from quadrille_client._sync import reembed as sync_reembed
from quadrille_client.types.text import Embeddings, Usage


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 1.0, 2.0]


class Embedder:
    """The new model; remembers what it was asked."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        return self.now(texts)

    def now(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return [vector_of(text) for text in texts]


def document(name: str, *texts: str, **more: Any) -> Document:
    chunks = [Chunk(text, vector=[1.0, 0.5]) for text in texts]
    return Document(name, " ".join(texts), f"Title {name}", f"file:{name}", {"n": 1.0}, chunks, **more)


@pytest.fixture
async def sdk(client: Any) -> AsyncIterator[AsyncClient]:
    await client.make("v1", metric="METRIC_L2", embeddingModel="old@1")
    await client.call("collections.SwapAlias", {"alias": "live", "collection": "v1"})
    async with AsyncClient(client.address) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reembed, sync_reembed):
        monkeypatch.setattr(module, "_BATCH_TEXTS", 3)
        monkeypatch.setattr(module, "_PAGE_SIZE", 4)


async def contents(sdk: AsyncClient, collection: str) -> dict[str, Any]:
    page = await sdk.documents.list(collection, page_size=1000)
    found = [await sdk.documents.get(collection, item.id, include_vectors=True) for item in page.documents]
    return {
        d.id: (
            d.text,
            d.title,
            d.source_uri,
            d.metadata,
            d.readers,
            [(c.text, tuple(c.vector)) for c in d.chunks],
        )
        for d in found
    }


def reembedded(documents: dict[str, Any]) -> dict[str, Any]:
    return {
        id: (*rest, [(text, tuple(vector_of(text)) if vector else ()) for text, vector in chunks])
        for id, (*rest, chunks) in documents.items()
    }


async def test_a_copy_takes_all_but_the_vectors_and_the_alias_moves(sdk: AsyncClient) -> None:
    documents = [document(f"d{i}", *(f"text {i}", "more")[: i % 3]) for i in range(10)]
    words = Document("words", chunks=[Chunk("found by words")], readers=["group:staff", "principal:ann"])
    await sdk.documents.upsert("v1", [*documents, words], embedding_model="old@1")
    embed = Embedder()
    events = [event async for event in sdk.reembed("live", "v2", embed=embed, stamp="new@1")]
    assert (events[-1].finished, events[-1].copied_count, events[-1].document_count) == (True, 11, 11)
    assert await contents(sdk, "v2") == reembedded(await contents(sdk, "v1"))
    assert embed.texts.count("found by words") == 0
    live = await sdk.collections.get("live")
    assert (live.name, live.dimension, live.metric, live.embedding_model) == ("v2", 3, "l2", "new@1")
    with pytest.raises(ValueError, match="already"):
        async for _ in sdk.reembed("live", "v2", embed=embed):
            pass


@pytest.mark.parametrize(
    ("index", "options"), [("hnsw", {"m": 8}), ("ivf_pq", {"code_bytes": 2, "probe_share": 0.25})]
)
async def test_a_copy_is_indexed_as_its_source(sdk: AsyncClient, index: Any, options: dict[str, Any]) -> None:
    await sdk.collections.create("graph", 2, index=index, index_options=options)
    async for _ in sdk.reembed("graph", "graph-2", embed=Embedder()):
        pass
    copy = await sdk.collections.get("graph-2")
    kept = set(options) - {"code_bytes"}
    assert (copy.index, {name: copy.index_options[name] for name in kept}) == (
        index,
        {name: options[name] for name in kept},
    )


async def test_what_is_there_is_not_embedded_twice(sdk: AsyncClient) -> None:
    await sdk.documents.upsert("v1", [document(f"d{i}", f"text {i}") for i in range(10)])
    first, second = Embedder(), Embedder()
    async with contextlib.aclosing(sdk.reembed("v1", "v2", embed=first)) as job:
        async for event in job:
            if event.copied_count >= 6:
                break
    await sdk.documents.upsert("v1", [document("d0", "new text")])
    await sdk.documents.delete("v1", ids=["d1", "d9"])
    events = [event async for event in sdk.reembed("v1", "v2", embed=second)]
    assert sorted(second.texts) == ["new text", "probe", "text 6", "text 7", "text 8"]
    assert events[-1].deleted_count == 1
    assert await contents(sdk, "v2") == reembedded(await contents(sdk, "v1"))
    assert (await sdk.collections.get("live")).name == "v1"  # no alias was named


@pytest.mark.parametrize("seed", range(4))
async def test_writes_meanwhile_are_followed_until_the_alias_moves(sdk: AsyncClient, seed: int) -> None:
    draw = random.Random(seed)

    async def write() -> None:
        id = f"d{draw.randrange(12)}"
        if draw.random() < 0.3:
            await sdk.documents.delete("live", ids=[id])
        else:
            await sdk.documents.upsert("live", [document(id, f"text {draw.random()}")])

    for _ in range(20):
        await write()
    for _ in range(3):  # started anew after each stop
        async with contextlib.aclosing(sdk.reembed("live", "v2", embed=Embedder())) as job:
            async for event in job:
                await write()
                if draw.random() < 0.3 or event.finished:
                    break
        if (await sdk.collections.get("live")).name == "v2":
            break
    else:
        async for event in sdk.reembed("live", "v2", embed=Embedder(), alias="live"):
            assert event.seen_count <= 12
    # Up to the swap every write went to v1 and was followed; one more may have come after it, to v2.
    copies, originals = await contents(sdk, "v2"), reembedded(await contents(sdk, "v1"))
    assert (
        len(set(copies) ^ set(originals)) + sum(copies[i] != originals[i] for i in copies.keys() & originals)
        <= 1
    )


async def test_a_swap_that_a_write_has_overtaken_is_tried_again(
    sdk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sdk.documents.upsert("v1", [document("a", "one")])
    swap, late = sdk.collections.swap_alias, [document("b", "two")]

    async def overtaken(*names: str, **options: Any) -> str:
        if late:
            await sdk.documents.upsert("live", [late.pop()])
        return await swap(*names, **options)

    monkeypatch.setattr(sdk.collections, "swap_alias", overtaken)
    events = [event async for event in sdk.reembed("live", "v2", embed=Embedder())]
    assert events[-1].copied_count == 2
    assert set(await contents(sdk, "live")) == {"a", "b"}


async def test_a_collection_of_something_else_is_left_alone(sdk: AsyncClient) -> None:
    await sdk.collections.create("theirs", 3)
    await sdk.documents.upsert("theirs", [Document("keep")])
    with pytest.raises(ValueError, match="'keep', which is no copy"):
        async for _ in sdk.reembed("v1", "theirs", embed=Embedder()):
            pass
    assert "keep" in await contents(sdk, "theirs")


@pytest.mark.parametrize("count", [-1, 1])
async def test_vectors_that_are_not_one_a_text_are_not_written(sdk: AsyncClient, count: int) -> None:
    await sdk.documents.upsert("v1", [document("a", "one", "two")])

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        wanted = len(texts) if texts == ["probe"] else len(texts) + count
        return [vector_of("some")] * wanted

    with pytest.raises(ValueError, match="vectors of 2 texts"):
        async for _ in sdk.reembed("live", "v2", embed=embed):
            pass
    assert not await contents(sdk, "v2")


async def test_hidden_documents_are_not_lost_silently(sdk: AsyncClient) -> None:
    await sdk.documents.upsert("v1", [document("a", "one"), document("b", "two", readers=["group:staff"])])
    with pytest.raises(ValueError, match="1 documents of 'v1'"):
        async for _ in sdk.acting_for("ann").reembed("live", "v2", embed=Embedder()):
            pass
    assert (await sdk.collections.get("live")).name == "v1"


async def test_vectors_come_from_the_models_at_this_address(
    sdk: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sdk.documents.upsert("v1", [document("a", "one", "three")])

    async def embed(texts: Sequence[str], *, model: str, truncate: bool) -> Embeddings:
        assert truncate
        vectors = tuple(tuple(vector_of(text)) for text in texts)
        return Embeddings(vectors, model, f"{model}@1", Usage(0, 0, 0))

    monkeypatch.setattr(sdk, "embed", embed)
    async for _ in sdk.reembed("live", "v2", model="minilm"):
        pass
    assert (await sdk.collections.get("live")).embedding_model == "minilm@1"
    with pytest.raises(FailedPreconditionError, match="minilm@1"):  # not to be gone on with by another model
        await sdk.documents.upsert("v1", [document("b", "two")])
        async for _ in sdk.reembed("v1", "v2", model="other"):
            pass


async def test_the_sync_client_does_the_same(sdk: AsyncClient, client: Any) -> None:
    await sdk.documents.upsert("v1", [document(f"d{i}", f"text {i}") for i in range(7)])

    def run() -> bool:
        with Client(client.address) as opened:
            return [event.finished for event in opened.reembed("live", "v2", embed=Embedder().now)][-1]

    assert await asyncio.to_thread(run)
    assert await contents(sdk, "live") == reembedded(await contents(sdk, "v1"))
