import queue
import threading

import pytest
from quadrille.retrieval.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    collection_pb2,
    collection_pb2_grpc,
    document_pb2,
    document_pb2_grpc,
)
from quadrille_client import AbortedError, AlreadyExistsError, Chunk, Document, NotFoundError
from quadrille_client.types.retrieval import IngestAck
from serving.errors import AlreadyExists, NotFound, VersionConflict


class Collections(collection_pb2_grpc.CollectionServiceServicer):
    """A dict of collections; pages hold one."""

    def __init__(self):
        self.kept = {}

    def CreateCollection(self, request, context):
        name = request.collection.name
        if name in self.kept:
            raise AlreadyExists("collection", name)
        self.kept[name] = request.collection
        return collection_pb2.CreateCollectionResponse(collection=request.collection)

    def GetCollection(self, request, context):
        if request.name not in self.kept:
            raise NotFound("collection", request.name)
        return collection_pb2.GetCollectionResponse(collection=self.kept[request.name])

    def ListCollections(self, request, context):
        names = [name for name in sorted(self.kept) if name > request.page_token]
        following = names[0] if names[1:] else ""
        return collection_pb2.ListCollectionsResponse(
            collections=[self.kept[name] for name in names[:1]], next_page_token=following
        )

    def DeleteCollection(self, request, context):
        del self.kept[request.name]
        return collection_pb2.DeleteCollectionResponse(document_count=4)

    def SwapAlias(self, request, context):
        return collection_pb2.SwapAliasResponse(previous_collection=f"before {request.alias}")


class Documents(document_pb2_grpc.DocumentServiceServicer):
    """A dict of documents; Ingest grants two credits, then one an answer, and counts who sends without."""

    def __init__(self):
        self.kept = {}
        self.unpaid = 0

    def UpsertDocuments(self, request, context):
        for document in request.documents:
            version = self.kept[document.id].version if document.id in self.kept else 0
            if request.HasField("expected_version") and request.expected_version != version:
                raise VersionConflict(f"{document.id} has version {version}")
            document.version = version + 1
            self.kept[document.id] = document
        return document_pb2.UpsertDocumentsResponse(lsn=7, versions=[d.version for d in request.documents])

    def GetDocument(self, request, context):
        if request.id not in self.kept:
            raise NotFound("document", request.id)
        return document_pb2.GetDocumentResponse(document=self.kept[request.id])

    def ListDocuments(self, request, context):
        kept = [item for name, item in sorted(self.kept.items()) if name > request.page_token]
        token = kept[request.page_size - 1].id if len(kept) > request.page_size else ""
        return document_pb2.ListDocumentsResponse(documents=kept[: request.page_size], next_page_token=token)

    def DeleteDocuments(self, request, context):
        count = sum(self.kept.pop(name, None) is not None for name in request.ids)
        return document_pb2.DeleteDocumentsResponse(deleted_count=count)

    def Ingest(self, requests, context):
        assert next(requests).start.collection == "docs"
        arrived = queue.Queue()
        granted = 0

        def read():
            for received, request in enumerate(requests, 1):
                self.unpaid += received > granted
                arrived.put(request.document)
            arrived.put(None)

        def grant(count):
            nonlocal granted
            granted += count
            return document_pb2.IngestResponse(credits=document_pb2.IngestCredits(count=count))

        threading.Thread(target=read, daemon=True).start()
        yield grant(2)
        accepted = 0
        while (item := arrived.get()) is not None:
            if item.document.text:
                accepted += 1
                ack = document_pb2.IngestAck(sequence=item.sequence, document_id=item.document.id, version=1)
                yield document_pb2.IngestResponse(ack=ack)
            else:
                error = document_pb2.IngestError(
                    sequence=item.sequence, document_id=item.document.id, field="document.text"
                )
                yield document_pb2.IngestResponse(error=error)
            yield grant(1)
        yield document_pb2.IngestResponse(finished=document_pb2.IngestFinished(accepted_count=accepted))


class Admin(admin_pb2_grpc.AdminServiceServicer):
    """Answers with fixed figures."""

    def Verify(self, request, context):
        finding = admin_pb2.Finding(collection=request.collection, kind="DATABASE_CORRUPT")
        return admin_pb2.VerifyResponse(findings=[finding], checked_chunk_count=3)

    def Repair(self, request, context):
        return admin_pb2.RepairResponse(rebuilt_chunk_count=3)

    def Snapshot(self, request, context):
        return admin_pb2.SnapshotResponse(name=request.name, size_bytes=5)

    def Restore(self, request, context):
        return admin_pb2.RestoreResponse(lsn=9)

    def Compact(self, request, context):
        return admin_pb2.CompactResponse(before_bytes=2, after_bytes=1)

    def Stats(self, request, context):
        return admin_pb2.StatsResponse(document_count=0, vector_count=4)


@pytest.fixture
def documents():
    return Documents()


@pytest.fixture
def call(serve, driver, documents):
    address = serve(
        (collection_pb2_grpc.add_CollectionServiceServicer_to_server, Collections()),
        (document_pb2_grpc.add_DocumentServiceServicer_to_server, documents),
        (admin_pb2_grpc.add_AdminServiceServicer_to_server, Admin()),
    )
    return lambda use: driver.call(address, use)


def test_collections(call):
    made = call(lambda c: c.collections.create("b", 3, metric="l2", embedding_model="m@1"))
    assert (made.name, made.dimension, made.metric, made.embedding_model) == ("b", 3, "l2", "m@1")
    assert (made.index, made.index_options) == ("unspecified", {})
    call(lambda c: c.collections.create("a", 3, index="hnsw", index_options={"m": 8}))
    graph = call(lambda c: c.collections.get("a"))
    assert (graph.index, graph.index_options) == ("hnsw", {"m": 8})
    with pytest.raises(ValueError, match="are for the kinds"):
        call(lambda c: c.collections.create("c", 3, index_options={"m": 8}))
    with pytest.raises(ValueError, match="not 'links'"):
        call(lambda c: c.collections.create("c", 3, index="hnsw", index_options={"links": 8}))
    assert call(lambda c: c.collections.get("b")) == made
    assert [item.name for item in call(lambda c: c.collections.list())] == ["a", "b"], "pages are followed"
    assert call(lambda c: c.collections.swap_alias("live", "a")) == "before live"
    assert call(lambda c: c.collections.delete("a")) == 4
    with pytest.raises(NotFoundError):
        call(lambda c: c.collections.get("a"))
    with pytest.raises(AlreadyExistsError):
        call(lambda c: c.collections.create("b", 3))


def test_documents(call):
    document = Document("a", "text", title="T", metadata={"n": 1.0}, chunks=[Chunk("text", 0, 4, [0.5, 1.0])])
    assert call(lambda c: c.documents.upsert("docs", [document])).versions == (1,)
    got = call(lambda c: c.documents.get("docs", "a", include_vectors=True))
    assert (got.title, got.metadata, got.version) == ("T", {"n": 1.0}, 1)
    assert got.chunks[0].vector == (0.5, 1.0)
    with pytest.raises(AbortedError, match="a has version 1"):
        call(lambda c: c.documents.upsert("docs", [document], expected_version=0))
    call(lambda c: c.documents.upsert("docs", [Document("b"), Document("c")]))
    page = call(lambda c: c.documents.list("docs", page_size=2))
    assert [item.id for item in page.documents] == ["a", "b"]
    page = call(lambda c: c.documents.list("docs", page_size=2, page_token=page.next_page_token))
    assert ([item.id for item in page.documents], page.next_page_token) == (["c"], "")
    assert call(lambda c: c.documents.delete("docs", ids=["a", "zzz"])) == 1
    with pytest.raises(NotFoundError):
        call(lambda c: c.documents.get("docs", "a"))


def test_ingest_sends_no_faster_than_granted(call, documents):
    items = [Document(f"d{i}", "" if i == 3 else "text") for i in range(20)]
    fates = call(lambda c: c.documents.ingest("docs", items))
    assert [fate.document_id for fate in fates] == [item.id for item in items]
    assert [fate.document_id for fate in fates if not isinstance(fate, IngestAck)] == ["d3"]
    assert fates[3].field == "document.text"
    assert documents.unpaid == 0


def test_admin(call):
    assert call(lambda c: c.admin.verify("docs"))["findings"][0]["kind"] == "DATABASE_CORRUPT"
    assert call(lambda c: c.admin.repair())["rebuilt_chunk_count"] == 3
    assert call(lambda c: c.admin.snapshot("s"))["size_bytes"] == 5
    assert call(lambda c: c.admin.restore("s"))["lsn"] == 9
    assert call(lambda c: c.admin.compact()) == {"before_bytes": 2, "after_bytes": 1}
    stats = call(lambda c: c.admin.stats())
    assert (stats["document_count"], stats["vector_count"]) == (0, 4), "zeros are told too"
