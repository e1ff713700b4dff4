"""The true stack as processes, driven through its one door as users do."""

import io
import re
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from quadrille_cli.stack import Ports, local_stack
from quadrille_client import Client, NotFoundError

ROOT = Path(__file__).resolve().parents[2]


def test_an_answer_rests_on_the_documents(client):
    answer = client.ask("docs", "Where does the truth about documents live?", max_tokens=48)
    assert answer.passages
    for passage in answer.passages:
        document = client.documents.get("docs", passage.hit.document_id)
        span = document.text.encode()[passage.hit.start_byte : passage.hit.end_byte]
        assert span.decode() == passage.hit.text
    assert 0 <= answer.finished.groundedness.score <= 1


def test_search_finds_by_meaning_and_by_words(client):
    dense = client.search("docs", "graceful shutdown", mode="dense", top_k=3)
    lexical = client.search("docs", "safetensors", mode="lexical", top_k=3)
    assert len(dense.hits) == 3
    assert all("safetensors" in hit.text.lower() for hit in lexical.hits)


def test_a_folder_is_followed(client, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in (("a.md", "# Owls\n\nOwls hunt at night."), ("b.csv", "animal,hunts\nowl,mice\n")):
        (folder / name).write_text(text)

    def synced():
        *_, end = client.sync("followed", [folder], metadata={"team": "blue"}, chunk_unit="tokens")
        return end.stored_count, end.skipped_count, end.removed_count

    assert [synced(), synced()] == [(2, 0, 0), (0, 2, 0)]
    (folder / "a.md").unlink()
    (folder / "b.csv").write_text("animal,hunts\nowl,voles\n")
    assert synced() == (1, 0, 1)
    (hit,) = client.search("followed", "What do owls hunt?").hits
    assert (hit.document_id, hit.text) == ("notes/b.csv", "animal: owl\nhunts: voles")
    assert client.documents.delete("followed", filter={"field": "team", "equals": "blue"}) == 1


def test_meaning_is_near(client):
    cats, kittens, stocks = client.embed(["cats purr", "kittens meow", "shares fell on the market"]).vectors
    near, far = (sum(a * b for a, b in zip(cats, other, strict=True)) for other in (kittens, stocks))
    assert near > far


def test_images_are_the_same_for_the_same_seed(client):
    first, second = (client.images.generate("a red circle", seed=3, steps=4)[0] for _ in range(2))
    assert first.image.data == second.image.data
    assert (first.image.width, first.image.height) == (64, 64)


def test_text_is_seeded_scored_and_constrained(client):
    one, two = (client.generate("Once", max_tokens=8, seed=5).text for _ in range(2))
    assert one == two
    assert client.score(["the cat", "zq xv"], prompt="")[0].logprob < 0
    assert re.fullmatch(r"[0-9]{3}", client.generate("A number:", regex="[0-9]{3}", max_tokens=8).text)


def test_adapters_come_at_start_and_at_run_time(client):
    assert "start" in client.model("starter").loras
    plain, start = (client.generate("Once", lora=lora, temperature=0, max_tokens=8) for lora in ("", "start"))
    assert plain.text != start.text
    loaded = client.loras.load("later", model="starter")
    assert client.generate("Once", lora="later", temperature=0, max_tokens=8).text == start.text
    assert (loaded.model, loaded.rank) == ("starter", 1)
    client.loras.unload("later")
    with pytest.raises(NotFoundError):
        client.generate("Once", lora="later", max_tokens=1)


def test_an_image_models_adapters_come_at_start_and_at_run_time(client):
    assert "start" in client.images.models()[0].loras
    sets = [{}, {"start": 1.0}, {"start": 0.5}]
    plain, start, half = (
        client.images.generate("a red circle", steps=2, seed=1, loras=each)[0].image.data for each in sets
    )
    assert len({plain, start, half}) == 3
    loaded = client.images.loras.load("later", model="starter")
    assert loaded in client.images.loras.list()
    (later,) = client.images.generate("a red circle", steps=2, seed=1, loras={"later": 1.0})
    assert pixels(later.image.data) == pixels(start)
    client.images.loras.unload("later")
    with pytest.raises(NotFoundError):
        client.images.generate("a red circle", steps=2, loras={"later": 1.0})


def pixels(data):
    return Image.open(io.BytesIO(data)).tobytes()


def test_every_service_counts(stack):
    prefixes = {"textgen": "text", "imagegen": "image", "retrieval": "retrieval", "gateway": "gateway"}
    for service in stack.services:
        page = urllib.request.urlopen(service.metrics_url).read().decode()
        assert "quadrille_rpc_handled_total" in page
        assert f"quadrille_{prefixes[service.name]}_" in page


def test_what_is_stored_outlives_the_process(tmp_path):
    for attempt in range(2):
        with local_stack(tmp_path, ports=Ports.free()) as stack, Client(stack.address, timeout=60) as client:
            if attempt == 0:
                list(client.ingest("kept", [ROOT / "docs" / "adr"]))
            hits = client.search("kept", "FAISS is derived", mode="hybrid").hits
            assert hits[0].document_id.endswith("0003-sqlite-is-the-truth.md")
            assert client.admin.verify()["consistent"]
        assert set(stack.stop().values()) == {0}
