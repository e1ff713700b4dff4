import pytest
from imagegen.testing import save_tiny_pipeline

from benchmarks.image.engines import EngineError, piped, served
from benchmarks.image.load import closed
from benchmarks.image.requests import drawn

REQUESTS = drawn(4, (2, 3), seed=0)
STEPS = sum(request.steps for request in REQUESTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("pipeline"))


async def test_diffusers_behind_a_pipe_answers_and_its_passes_are_counted(folder):
    told = ("--model", str(folder), "--threads", "1", "--guidance-scale", "2", "--steps", "2")
    async with piped("x", "serial", ("float32",), *told) as engine:
        assert engine.facts == {"variant": "float32", "batch_s": {}}
        outcomes = await closed(engine.ask, REQUESTS, 2)
        assert all(one.latency_s for one in outcomes)
        assert engine.passes() == STEPS


async def test_a_peer_that_does_not_start_says_so():
    with pytest.raises(EngineError, match="did not start"):
        async with piped("x", "no such policy", ("float32",)):
            pass


async def test_our_server_answers_and_its_passes_are_counted(folder, tmp_path):
    async with served("x", tmp_path, folder, 2.0, threads=1, max_batch_rows=1, max_running_rows=1) as engine:
        outcomes = await closed(engine.ask, REQUESTS, 2)
        assert all(one.latency_s for one in outcomes)
        assert engine.passes() == STEPS
