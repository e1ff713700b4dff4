import pytest
from quadrille_client import (
    AsyncClient,
    Chunk,
    Document,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OverloadedError,
)
from quadrille_client.types.rag import AnswerDelta, AskFinished, Citation, FileRefused, FileStored, Retrieved

NOTES = {
    "ports.md": "# Ports\n\nThe gateway listens on port 50050. HTTP is on 8080.\n",
    "store.txt": "Größe zählt. The store keeps its truth in SQLite. Indexes are derived.",
    "broken.txt": b"\xff\xff",
}


@pytest.fixture
def notes(tmp_path):
    for name, content in NOTES.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


async def fates(client, notes):
    return [event async for event in client.ingest("notes", [notes])]


async def test_files_are_stored_or_refused_each_by_itself_and_known_ones_left_alone(doors, notes):
    async with AsyncClient(doors.grpc) as client:
        first = await fates(client, notes)
        assert [type(event) for event in first[:3]] == [FileRefused, FileStored, FileStored]
        assert first[0].field == "file.data"
        assert (first[-1].stored_count, first[-1].refused_count) == (2, 1)
        second = await fates(client, notes)
        assert [event.unchanged for event in second[1:3]] == [True, True]
        assert second[-1].chunk_count == 0
        (notes / "ports.md").write_text("# Ports\n\nThe gateway listens on port 1.\n")
        third = await fates(client, notes)
        assert [event.unchanged for event in third[1:3]] == [False, True]


async def test_an_answer_cites_a_span_of_the_document(doors, notes):
    async with AsyncClient(doors.grpc) as client:
        await fates(client, notes)
        events = [event async for event in client.stream_ask("notes", "Where does the store keep its truth?")]
        assert isinstance(events[0], Retrieved)
        assert isinstance(events[-1], AskFinished)
        answer = "".join(event.text for event in events if isinstance(event, AnswerDelta))
        (citation,) = (event for event in events if isinstance(event, Citation))
        document = (notes / "store.txt").read_bytes()
        assert document[citation.start_byte : citation.end_byte].decode() == events[0].passages[0].hit.text
        statement = answer.encode()[citation.answer_start_byte : citation.answer_end_byte].decode()
        assert statement == answer.removesuffix(" [1].")
        assert events[-1].groundedness.score == 1.0
        assert events[-1].usage.prompt_tokens == 7
        assert doors.gateway.server.registry.get_sample_value(
            "quadrille_gateway_rag_asks_total", {"outcome": "answered"}
        )


async def test_a_model_picks_the_passages_out_of_more(doors, notes):
    (notes / "long.txt").write_text("The store keeps its truth. " * 5)
    (notes / "short.txt").write_text("Its truth.")
    async with AsyncClient(doors.grpc) as client:
        await fates(client, notes)
        question = "Where does the store keep its truth?"
        ranked = [p.hit.text for p in (await client.ask("notes", question, passages=4)).passages]
        judged = await client.ask("notes", question, passages=1, rerank="judge")
        assert [p.hit.text for p in judged.passages] == [min(ranked, key=len)] != ranked[:1]
        assert judged.passages[0].number == 1
        with pytest.raises(OverloadedError):
            await client.ask("notes", question, rerank="other")
        for depth in (3, 257):
            with pytest.raises(InvalidArgumentError) as caught:
                await client.ask("notes", question, passages=4, rerank="judge", rerank_depth=depth)
            assert caught.value.field == "rerank.depth"
        with pytest.raises(InvalidArgumentError) as caught:
            await client.ask("notes", f"{question} {'x' * 5000}", rerank="judge")
        assert caught.value.field == "question"
        assert (await client.ask("notes", "zyzzyva", rerank="judge")).text == "The documents don't say."


async def test_without_passages_no_model_is_asked(doors, notes):
    async with AsyncClient(doors.grpc) as client:
        await fates(client, notes)
        answer = await client.ask("notes", "zyzzyva")
        assert answer.text == "The documents don't say."
        assert (answer.passages, answer.citations, answer.finished.usage.completion_tokens) == ((), (), 0)


async def test_passages_are_dropped_until_the_prompt_fits(doors, tmp_path):
    (tmp_path / "long.txt").write_text(" ".join(f"fact{number} stone." for number in range(400)))
    async with AsyncClient(doors.grpc) as client:
        async for _ in client.ingest("long", [tmp_path], chunk_size=400, chunk_overlap=0):
            pass
        answer = await client.ask("long", "stone", passages=16)
        assert 1 <= len(answer.passages) < 16
        with pytest.raises(InvalidArgumentError, match="no room"):
            await client.ask("long", "stone " * 400)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"question": ""}, "question"),
        ({"passages": 10**9}, "top_k"),
        ({"n": 2}, "sampling.n"),
    ],
)
async def test_bad_questions_name_the_field(doors, options, field):
    async with AsyncClient(doors.grpc) as client:
        with pytest.raises(InvalidArgumentError) as caught:
            await client.ask("notes", **{"question": "x", **options})
        assert caught.value.field == field


async def test_missing_collections_and_models(doors, notes):
    async with AsyncClient(doors.grpc) as client:
        with pytest.raises(NotFoundError):
            await client.ask("nothing", "x")
        with pytest.raises(NotFoundError):
            async for _ in client.ingest("c", [notes], embedding_model="other"):
                pass
        await client.collections.create("foreign", 32, embedding_model="other@sha256:00")
        with pytest.raises(FailedPreconditionError) as caught:
            async for _ in client.ingest("foreign", [notes]):
                pass
        assert caught.value.reason == "EMBEDDING_MODEL_MISMATCH"


async def test_only_chunks_that_changed_are_embedded_again(doors, tmp_path):
    paragraphs = [f"Paragraph {number} tells of {number} stones that lie in a field." for number in range(8)]
    page = tmp_path / "page.txt"
    async with AsyncClient(doors.grpc) as client:
        for text in ("\n\n".join(paragraphs), "\n\n".join([*paragraphs[:-1], "The last one is new."])):
            page.write_text(text)
            del doors.text.embedded[:]
            stored, _ = [e async for e in client.ingest("notes", [page], chunk_size=64, chunk_overlap=0)]
        assert (stored.chunk_count, stored.unchanged) == (8, False)
        assert doors.text.embedded == ["The last one is new."]
        document = await client.documents.get("notes", "page.txt", include_vectors=True)
        assert all(any(chunk.vector) for chunk in document.chunks)


async def test_vectors_of_who_knows_what_model_are_not_kept(doors, notes):
    async with AsyncClient(doors.grpc) as client:
        await client.collections.create("notes", 32)
        chunk = Chunk(NOTES["store.txt"], vector=[9.0] * 32)
        await client.documents.upsert("notes", [Document("store.txt", "older", chunks=[chunk])])
        async for _ in client.ingest("notes", [notes / "store.txt"]):
            pass
    assert doors.text.embedded == [NOTES["store.txt"]]


async def test_chunks_may_be_measured_in_tokens_of_the_embedding_model(doors, tmp_path):
    (tmp_path / "page.txt").write_text(" ".join(f"word{number}" for number in range(60)))
    async with AsyncClient(doors.grpc) as client:
        options = {"chunk_unit": "tokens", "chunk_size": 16, "chunk_overlap": 0}
        async for _ in client.ingest("notes", [tmp_path / "page.txt"], **options):
            pass
        document = await client.documents.get("notes", "page.txt")
        assert len(document.chunks[0].text.split()) == 8  # a word and a space are a token each
        with pytest.raises(InvalidArgumentError) as caught:
            async for _ in client.ingest("notes", [tmp_path], chunk_unit="tokens", chunk_size=2049):
                pass
        assert caught.value.field == "start.chunk_size"
