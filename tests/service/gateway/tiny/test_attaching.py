"""What becomes of attached files when gateways end, meet, or are overtaken: true services, no HTTP."""

import asyncio
import time

import pytest
from gateway.adapters.health import GrpcHealthProbe
from gateway.adapters.retrieval import GrpcRetrievalBackend
from gateway.adapters.text import GrpcTextBackend, text_router
from gateway.balancing.balancer import Balancer
from gateway.balancing.pool import Pool
from gateway.balancing.replica import Replica
from gateway.domain.files import AttachmentStatus, ToAttach
from gateway.files import attaching
from gateway.files.attaching import Attacher
from gateway.files.attachments import document_of
from gateway.files.library import FileLibrary
from gateway.files.store_files import StoreFiles
from gateway.files.stores import VectorStores
from gateway.metrics import GatewayMetrics
from gateway.rag.ingest import Ingester
from prometheus_client import CollectorRegistry
from serving.channel import open_channel
from serving.errors import NotFound, Overloaded, VersionConflict

COMPLETED, IN_PROGRESS = AttachmentStatus.COMPLETED, AttachmentStatus.IN_PROGRESS


class Interrupted(Ingester):
    """Awaits `before()` once before it reads a file."""

    before = None

    async def ingest(self, start, files):
        before, self.before = self.before, None
        if before is not None:
            await before()
        async for event in super().ingest(start, files):
            yield event


class World:
    """One store with one uploaded file, and gateways' parts over it."""

    def __init__(self, text, retrieval, metrics):
        self.text, self.retrieval = text, retrieval
        self.library = FileLibrary(retrieval)
        self.ingester = Interrupted(text, retrieval, metrics)
        self.attachers = []

    async def fill(self):
        store = await VectorStores(self.text, self.retrieval).create("notes", "", {}, "")
        self.store = store.id
        self.file = (await self.library.add("tides.md", "", "user_data", b"Ebb and flow.")).id

    def files(self, **options):
        attacher = Attacher(self.text, self.retrieval, self.library, self.ingester, **options)
        self.attachers.append(attacher)
        return StoreFiles(self.retrieval, self.library, attacher)

    async def settled(self, files):
        async with asyncio.timeout(30):
            while (item := await files.get(self.store, self.file)).status is IN_PROGRESS:
                await asyncio.sleep(0.02)
        return item


def connect(address, name):
    channel = open_channel(address, server_name=name)
    return Replica(address, channel, GrpcHealthProbe(address, channel))


@pytest.fixture
async def world(services):
    metrics = GatewayMetrics(CollectorRegistry())
    texts = Pool(services.addresses["text_addresses"], connect)
    router = text_router(texts)
    async with open_channel(services.addresses["retrieval_address"]) as channel:
        text = GrpcTextBackend(router, Balancer(router, metrics))
        world = World(text, GrpcRetrievalBackend(channel), metrics)
        await world.fill()
        yield world
        for attacher in world.attachers:
            await attacher.stop()
    await texts.close()


async def test_what_a_gateway_leaves_behind_is_taken_up_by_another(world):
    first = world.files()
    batch, _ = await first.attach_batch(world.store, [ToAttach(world.file)])
    await world.attachers[0].stop()
    second = world.files()
    async with asyncio.timeout(30):
        while (await second.batch(world.store, batch))[0].status is IN_PROGRESS:
            await asyncio.sleep(0.02)
    assert (await second.get(world.store, world.file)).status is COMPLETED
    assert await second.text(world.store, world.file) == "Ebb and flow."


async def test_a_gateway_that_ends_gives_back_what_it_works_on(world):
    begun = asyncio.Event()

    async def forever():
        begun.set()
        await asyncio.Event().wait()

    world.ingester.before = forever
    await world.files().attach(world.store, [ToAttach(world.file)])
    await asyncio.wait_for(begun.wait(), 30)
    later = world.files()
    assert (await later.get(world.store, world.file)).leased_until > time.time()
    await world.attachers[0].stop()
    assert (await world.settled(later)).status is COMPLETED


async def test_what_another_works_on_is_left_to_it_until_its_time_is_over(world):
    (item,) = await world.files().attach(world.store, [ToAttach(world.file)])
    await world.attachers[0].stop()
    claimed = document_of(attaching.replace(item, leased_until=time.time() + 1000))
    await world.retrieval.upsert_document(world.store, claimed, "")
    patient = world.files()
    for _ in range(3):
        assert (await patient.get(world.store, world.file)).status is IN_PROGRESS
        await asyncio.sleep(0.02)
    assert (await world.settled(world.files(clock=lambda: time.time() + 2000))).status is COMPLETED


async def test_a_file_that_is_taken_away_while_it_is_read_stays_away(world):
    files, read = world.files(), asyncio.Event()

    async def detach():
        await files.detach(world.store, world.file)
        read.set()

    world.ingester.before = detach
    await files.attach(world.store, [ToAttach(world.file)])
    await asyncio.wait_for(read.wait(), 30)
    await asyncio.sleep(0.2)
    with pytest.raises(NotFound):
        await files.get(world.store, world.file)


async def test_a_file_that_is_attached_anew_while_it_is_read_has_the_newer_attributes(world):
    files = world.files()

    async def again():
        await files.attach(world.store, [ToAttach(world.file, attributes={"n": 2.0})])

    world.ingester.before = again
    await files.attach(world.store, [ToAttach(world.file, attributes={"n": 1.0})])
    item = await world.settled(files)
    assert (item.status, item.attributes) == (COMPLETED, {"n": 2.0})


async def test_a_file_whose_attributes_change_while_it_is_read_is_read_again_at_once(world):
    files = world.files()

    async def change():
        await files.update(world.store, world.file, {"n": 2.0})

    world.ingester.before = change
    await files.attach(world.store, [ToAttach(world.file, attributes={"n": 1.0})])
    item = await world.settled(files)
    assert (item.status, item.attributes) == (COMPLETED, {"n": 2.0})


async def test_a_batch_that_is_cancelled_while_it_is_read_stays_cancelled(world):
    files, cancelled = world.files(), asyncio.Event()
    other = (await world.library.add("b.txt", "", "user_data", b"x")).id

    async def cancel():
        (found, *_) = await files.all(world.store)
        await files.cancel(world.store, found.batch_id)
        cancelled.set()

    world.ingester.before = cancel
    batch, _ = await files.attach_batch(world.store, [ToAttach(world.file), ToAttach(other)])
    await asyncio.wait_for(cancelled.wait(), 30)
    await asyncio.sleep(0.2)
    statuses = {item.status for item in await files.batch(world.store, batch)}
    assert statuses == {AttachmentStatus.CANCELLED}


async def test_what_takes_too_long_has_failed_and_can_be_attached_again(world):
    world.ingester.before = asyncio.Event().wait
    files = world.files(lease_s=0.3)
    await files.attach(world.store, [ToAttach(world.file)])
    item = await world.settled(files)
    assert (item.status, item.failure.code) == (AttachmentStatus.FAILED, "server_error")
    patient = world.files()
    await patient.attach(world.store, [ToAttach(world.file)])
    assert (await world.settled(patient)).status is COMPLETED


async def test_what_meets_too_much_to_do_is_tried_again_unless_it_would_take_long(world):
    async def busy():
        raise Overloaded("too many requests wait already", 0.05)

    async def exhausted():
        raise Overloaded("may use 5 tokens a day", 3600.0)

    files = world.files()
    for before, status in ((busy, COMPLETED), (exhausted, AttachmentStatus.FAILED)):
        world.ingester.before = before
        await files.attach(world.store, [ToAttach(world.file)])
        assert (await world.settled(files)).status is status


async def test_a_file_that_is_gone_when_it_is_to_be_read_has_failed(world):
    files = world.files()
    await files.attach(world.store, [ToAttach(world.file)])
    await world.attachers[0].stop()
    await world.library.delete(world.file)
    item = await world.settled(world.files())
    assert (item.status, item.failure.code) == (AttachmentStatus.FAILED, "invalid_file")


async def test_too_many_files_are_refused_before_anything_is_written(world, monkeypatch):
    monkeypatch.setattr(attaching, "MAX_QUEUED", 0)
    with pytest.raises(Overloaded):
        await world.files().attach(world.store, [ToAttach(world.file)])
    assert await world.files().all(world.store) == []


async def test_two_who_describe_a_store_do_not_overwrite_each_other(world):
    stores = VectorStores(world.text, world.retrieval)
    store = await stores.get(world.store)
    await stores.write(store)
    with pytest.raises(VersionConflict):
        await stores.write(store)
