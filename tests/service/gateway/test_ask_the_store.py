"""Answers over the store itself: what a caller may not read, no answer rests on."""

import pytest
from prometheus_client import CollectorRegistry
from quadrille_client import AsyncClient, InvalidArgumentError
from retrieval.__main__ import build_engine
from retrieval.config import RetrievalSettings
from retrieval.servicers import SERVICES, register
from serving.auth import digest
from serving.server import GrpcServer
from serving.testing import running

QUESTION = "Where does the store keep its truth?"


def keys(path, **entries):
    path.write_text(
        "\n".join(f'[[keys]]\nname = "{n}"\nsha256 = "{digest(n)}"\n{more}' for n, more in entries.items())
    )
    return path


@pytest.fixture
async def doors(make_doors, tmp_path):
    theirs = keys(tmp_path / "theirs.toml", gateway='scopes = ["text", "image", "retrieval", "delegate"]')
    callers = 'scopes = ["text", "retrieval", "gateway"]\n'
    ours = keys(tmp_path / "ours.toml", ann=callers + 'groups = ["staff"]', eve=callers)
    settings = RetrievalSettings(port=0, metrics_port=0, data_dir=tmp_path / "data", api_keys_file=theirs)
    engine = build_engine(settings, CollectorRegistry())
    server = GrpcServer(settings, registry=CollectorRegistry())
    register(server.grpc, engine, settings.ingest_window)
    await engine.start()
    async with running(server, services=SERVICES) as address:
        yield await make_doors(
            {"api_keys_file": theirs},
            api_keys_file=ours,
            backend_api_key="gateway",
            retrieval_address=address,
        )
    await engine.stop()


@pytest.fixture
def notes(tmp_path):
    for name in ("plans", "hints"):
        (tmp_path / f"{name}.txt").write_text(f"The store keeps its truth in the {name}. {name} are kept.")
    return [tmp_path / "plans.txt", tmp_path / "hints.txt"]


async def test_an_answer_rests_on_what_its_asker_may_read(doors, notes):
    async with AsyncClient(doors.grpc, api_key="ann") as ann, AsyncClient(doors.grpc, api_key="eve") as eve:
        async for _ in ann.ingest("staff", notes[:1], readers=["group:staff"]):
            pass
        async for _ in ann.ingest("all", notes[1:]):
            pass
        found = [
            (p.collection, p.hit.document_id) for p in (await ann.ask(["staff", "all"], QUESTION)).passages
        ]
        assert found == [("staff", "plans.txt"), ("all", "hints.txt")]
        answer = await eve.ask(["staff", "all"], QUESTION, support="lexical")
        assert [passage.collection for passage in answer.passages] == ["all"]
        assert answer.abstention is None
        assert (await eve.ask("staff", QUESTION)).abstention == "nothing_found"


async def test_the_stores_options_and_their_errors_are_the_askers(doors, notes):
    async with AsyncClient(doors.grpc, api_key="ann") as ann:
        events = [event async for event in ann.ingest("notes", notes)]
        options = {"mmr": 0.0, "mmr_candidates": 10, "min_lsn": events[-1].last_lsn, "min_relevance": 0.1}
        assert len((await ann.ask("notes", QUESTION, **options)).passages) == 2
        assert (await ann.ask("notes", QUESTION, min_relevance=2.0)).abstention == "nothing_usable"
        for wrong, field in (
            ({"mmr": 2.0}, "mmr.relevance_weight"),
            ({"mmr": 1.0, "mmr_candidates": 1}, "mmr.candidate_count"),
        ):
            with pytest.raises(InvalidArgumentError) as caught:
                await ann.ask("notes", QUESTION, **wrong)
            assert caught.value.field == field
