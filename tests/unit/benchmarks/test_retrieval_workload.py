import asyncio

import numpy as np
import pytest

from benchmarks.peers.vectors import EFFORTS, rate, recall, tuned
from benchmarks.retrieval import vectors
from benchmarks.retrieval.load import closed
from benchmarks.retrieval.options import options
from benchmarks.retrieval.texts import MOST, passages


@pytest.fixture
def work(monkeypatch):
    known = np.random.default_rng(1).normal(size=(100, 16)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    monkeypatch.setattr(vectors, "embedded", lambda texts: known)
    return vectors.workload([f"text {i}" for i in range(100)], 1000, 30), known


def test_vectors_are_made_up_by_perturbation_and_queries_are_held_out(work):
    made, known = work
    assert made.vectors.shape == (1000, 16)
    assert made.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    whole = (made.vectors == known[made.sources]).all(axis=1)
    assert len(set(made.sources[whole])) == whole.sum() == 80
    assert not whole[:80].all(), "copies come among the texts"
    cosines = (made.vectors * known[made.sources]).sum(axis=1)[~whole]
    assert cosines.mean() == pytest.approx((1 + vectors.NOISE**2) ** -0.5, abs=0.01)
    origins = (made.queries @ known.T).argmax(axis=1)
    assert (
        np.isin(origins, made.sources).mean() < 0.2
    )  # not all, since a perturbed one may be nearer to another


def test_nearest_are_the_true_ones_by_place(work):
    made, _ = work
    scores = made.queries @ made.vectors.T
    assert np.array_equal(made.nearest(), np.argsort(-scores, axis=1)[:, :10])
    hundredth = made.nearest(0.01)
    assert hundredth.shape == (30, 10)
    assert not (hundredth % 100).any()
    assert made.nearest(0.001).shape == (30, 1)


def test_texts_are_the_repository_s_and_a_folder_s(tmp_path):
    own = passages(None)
    assert len(own) == len(set(own)) > 1000
    (tmp_path / "a.trec").write_text(
        f"<DOC>\n<DOCNO>1</DOCNO>\n{'one ' * 30}\n</DOC>\n<DOC>\n{'two ' * 30}</DOC>\n"
    )
    (tmp_path / "b.md").write_text(f"short\n\n{'long ' * 500}\n\n" + "x" * 20)
    (tmp_path / "c.bin").write_text("no text " * 50)
    more = passages(tmp_path)[len(own) :]
    assert more[:2] == [("one " * 30).strip(), ("two " * 30).strip()]
    assert more[2].startswith("short long")
    assert all(len(text) <= MOST and "DOC" not in text and "no text" not in text for text in more)


def test_the_least_effort_that_reaches_the_recall_is_taken():
    class Store:
        efforts = EFFORTS

        def search(self, queries, effort):
            return np.where(effort >= 32, [list(range(10))], -1)

    nearest = np.tile(np.arange(10), (4, 1))
    assert tuned(Store(), np.zeros((4, 2), np.float32), nearest) == (32, 1.0)
    assert recall([[0, 1, 99]], np.array([[0, 1, 2, 3]])) == 0.5
    assert set(rate(lambda part: part, np.zeros((64, 2), np.float32), 32)) == {"queries_per_s", "p50_ms"}


async def test_clients_ask_all_requests_once_and_answers_keep_their_order():
    running = most = 0

    async def call(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return request * 2

    load = await closed(call, range(20), 3)
    assert load.answers == [2 * i for i in range(20)]
    assert most == 3
    assert load.figures(32)["queries_per_s"] == pytest.approx(32 * load.figures()["queries_per_s"], rel=1e-3)


def test_what_would_measure_nothing_is_refused(capsys):
    assert options([]).vectors == 100_000
    with pytest.raises(SystemExit):
        options(["--vectors", "600"])
    assert "twice as many" in capsys.readouterr().err
