"""Ingest and synchronization of files, against a small store that works."""

import pytest
from google.protobuf import json_format
from quadrille.gateway.v1 import rag_pb2 as pb
from quadrille.gateway.v1 import rag_pb2_grpc
from quadrille.retrieval.v1 import document_pb2, document_pb2_grpc
from quadrille_client import NotFoundError, UnavailableError, uploads
from quadrille_client.types.rag import FileRefused, FileRemoved, FilesFinished, FileSkipped, FileStored
from serving.errors import NotFound, Unavailable


class Store(rag_pb2_grpc.RagServiceServicer, document_pb2_grpc.DocumentServiceServicer):
    """Keeps files by id; `lose` says before which files of the next calls it is lost."""

    def __init__(self):
        self.documents = None  # until the first ingest
        self.starts, self.sent, self.lose, self.pages = [], [], [], 0

    def IngestDocuments(self, requests, context):
        start = next(requests).start
        if start.embedding_model:
            raise NotFound("model", start.embedding_model)
        self.documents = self.documents or {}
        for place, request in enumerate(requests):
            if not place:
                self.starts.append(start)
            file = request.file
            if file.id in self.lose[:1]:
                self.lose.pop(0)
                raise Unavailable("the store is gone")
            if file.data == b"bad":
                refused = pb.FileRefused(id=file.id, reason="INVALID_INPUT", field="file.data")
                yield pb.IngestDocumentsResponse(refused=refused)
                continue
            self.sent.append(file.id)
            self.documents[file.id] = document_pb2.Document(
                id=file.id, metadata=file.metadata, readers=file.readers
            )
            stored = pb.FileStored(id=file.id, chunk_count=len(file.data), lsn=len(self.sent))
            yield pb.IngestDocumentsResponse(stored=stored)
        yield pb.IngestDocumentsResponse(finished=pb.IngestDocumentsFinished())

    def ListDocuments(self, request, context):
        if self.documents is None:
            raise NotFound("collection", request.collection)
        self.pages += 1
        assert request.filter.condition.field == "sync.folder"
        wanted = request.filter.condition.equals.string_value
        ids = [
            id
            for id, document in sorted(self.documents.items())
            if json_format.MessageToDict(document.metadata).get("sync", {}).get("folder") == wanted
            and id > request.page_token
        ]
        return document_pb2.ListDocumentsResponse(
            documents=[self.documents[id] for id in ids[:2]], next_page_token=ids[1] if ids[2:] else ""
        )

    def DeleteDocuments(self, request, context):
        for id in request.ids:
            del self.documents[id]
        return document_pb2.DeleteDocumentsResponse(deleted_count=len(request.ids))


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def call(serve, driver, store):
    address = serve(
        (rag_pb2_grpc.add_RagServiceServicer_to_server, store),
        (document_pb2_grpc.add_DocumentServiceServicer_to_server, store),
    )
    return lambda use, **options: driver.call(address, use, **options)


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.md").write_text(name)
    return folder


def fates(events):
    """What became of the files, the totals left out."""
    return [(type(event).__name__.removeprefix("File").lower(), event.id) for event in events[:-1]]


def test_files_are_ingested_with_metadata_and_options(call, store, docs):
    (docs / "b.md").write_text("bad")
    events = call(
        lambda c: c.ingest("docs", [docs], metadata={"team": "blue"}, chunk_size=64, chunk_unit="tokens")
    )
    assert events[0] == FileStored("docs/a.md", 1, 1, False)
    assert isinstance(events[1], FileRefused)
    assert events[-1] == FilesFinished("docs", 3, 1, 3, 3)
    assert dict(store.documents["docs/a.md"].metadata) == {"team": "blue"}
    (start,) = store.starts
    assert (start.chunk_size, start.chunk_unit) == (64, pb.CHUNK_UNIT_TOKENS)
    assert not start.HasField("chunk_overlap")


def test_only_what_changed_is_sent_and_what_is_gone_is_deleted(call, store, docs):
    assert {kind for kind, _ in fates(call(lambda c: c.sync("docs", [docs])))} == {"stored"}
    again = call(lambda c: c.sync("docs", [docs]))
    assert fates(again) == [("skipped", f"docs/{name}.md") for name in "abcd"]
    assert again[-1] == FilesFinished("docs", 0, 0, 0, 0, skipped_count=4)
    assert (len(store.starts), store.pages) == (1, 2), "nothing was sent, and the list has pages"
    (docs / "a.md").write_text("new")
    (docs / "b.md").unlink()
    (docs / "e.md").write_text("e")
    third = call(lambda c: c.sync("docs", [docs]))
    assert set(fates(third)) == {
        ("stored", "docs/a.md"),
        ("stored", "docs/e.md"),
        ("skipped", "docs/c.md"),
        ("skipped", "docs/d.md"),
        ("removed", "docs/b.md"),
    }
    assert (third[-1].stored_count, third[-1].skipped_count, third[-1].removed_count) == (2, 2, 1)
    assert sorted(store.documents) == ["docs/a.md", "docs/c.md", "docs/d.md", "docs/e.md"]


@pytest.mark.parametrize(
    "options",
    [{"metadata": {"n": 1}}, {"chunk_size": 100}, {"chunk_unit": "tokens"}, {"readers": ["group:a"]}],
    ids=str,
)
def test_other_options_or_metadata_send_a_file_again_and_the_same_do_not(call, store, docs, options):
    call(lambda c: c.sync("docs", [docs]))
    for expected in ("stored", "skipped"):
        found = fates(call(lambda c: c.sync("docs", [docs], **options)))
        assert {kind for kind, _ in found} == {expected}
    assert list(store.documents["docs/a.md"].readers) == options.get("readers", [])


def test_what_no_sync_has_stored_is_not_deleted(call, store, docs, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.md").write_text("x")
    call(lambda c: c.ingest("docs", [docs / "a.md"]))
    call(lambda c: c.sync("docs", [other]))
    call(lambda c: c.sync("docs", [docs]))
    (docs / "b.md").unlink()
    call(lambda c: c.sync("docs", [docs]))
    assert sorted(store.documents) == ["a.md", "docs/a.md", "docs/c.md", "docs/d.md", "other/x.md"]


def test_an_interrupted_sync_goes_on_where_it_ended(call, store, docs):
    call(lambda c: c.sync("docs", [docs]))
    (docs / "a.md").unlink()
    for name in "bcd":
        (docs / f"{name}.md").write_text(2 * name)
    store.lose = ["docs/c.md"]
    with pytest.raises(UnavailableError):
        call(lambda c: c.sync("docs", [docs]), max_retries=0)
    assert "docs/a.md" in store.documents, "nothing is deleted before all is sent"
    del store.sent[:]
    rest = fates(call(lambda c: c.sync("docs", [docs])))
    assert store.sent == ["docs/c.md", "docs/d.md"]
    assert rest[0] == ("skipped", "docs/b.md")
    assert rest[-1] == ("removed", "docs/a.md")


def test_a_call_that_fails_is_retried_from_the_first_file_without_an_answer(call, store, docs):
    store.lose = ["docs/b.md", "docs/d.md"]
    events = call(lambda c: c.ingest("docs", [docs]))
    assert store.sent == [f"docs/{name}.md" for name in "abcd"]
    assert fates(events) == [("stored", f"docs/{name}.md") for name in "abcd"]


def test_a_lost_store_ends_the_ingest(call, store, docs):
    store.lose = ["docs/a.md"] * 3
    with pytest.raises(UnavailableError, match="the store is gone"):
        call(lambda c: c.ingest("docs", [docs]))


def test_a_bad_start_is_told_before_any_file_goes(call, store, docs):
    with pytest.raises(NotFoundError, match="model"):
        call(lambda c: c.ingest("docs", [docs], embedding_model="none"))
    assert not store.sent


def test_many_files_go_in_several_calls(call, store, docs, monkeypatch):
    monkeypatch.setattr(uploads, "GROUP_FILES", 2)
    (docs / "a.md").write_text("bad")
    events = call(lambda c: c.ingest("docs", [docs]))
    assert [kind for kind, _ in fates(events)] == ["refused", "stored", "stored", "stored"]
    assert len(store.starts) == 2


def test_a_file_that_cannot_be_sent_is_refused_and_its_document_kept(call, store, docs, monkeypatch):
    call(lambda c: c.sync("docs", [docs]))
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", 5)
    (docs / "b.md").write_text("too long")
    events = call(lambda c: c.sync("docs", [docs]))
    assert [(event.id, event.reason) for event in events if isinstance(event, FileRefused)] == [
        ("docs/b.md", "TOO_LARGE")
    ]
    assert sum(isinstance(event, FileSkipped) for event in events) == 3
    assert not any(isinstance(event, FileRemoved) for event in events)
    assert "docs/b.md" in store.documents


def test_files_and_folders_of_one_name_are_not_synchronized(call, docs, tmp_path):
    with pytest.raises(NotADirectoryError):
        call(lambda c: c.sync("docs", [docs / "a.md"]))
    (tmp_path / "other" / "docs").mkdir(parents=True)
    with pytest.raises(ValueError, match="a name of its own"):
        call(lambda c: c.sync("docs", [docs, tmp_path / "other" / "docs"]))
    with pytest.raises(ValueError, match="sync"):
        call(lambda c: c.sync("docs", [docs], metadata={"sync": 1}))


def test_a_file_that_is_gone_before_it_is_read_is_refused(tmp_path):
    (refused,) = uploads.uploads([("a.md", tmp_path / "a.md")], {})
    assert (refused.id, refused.reason) == ("a.md", "UNREADABLE")
