from types import SimpleNamespace

import pytest
from textgen.models.vllm_load import EngineLoad


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def load(metrics, clock):
    return EngineLoad(metrics, clock)


def test_an_engine_stalls_when_work_waits_and_nothing_is_heard(load, clock):
    clock.now += 1000
    assert not load.stalled(10)  # nothing to do
    load.submitted()
    clock.now += 9
    assert not load.stalled(10)
    load.submitted()  # more work is no progress
    clock.now += 2
    assert load.stalled(10)
    load.progressed()
    assert not load.stalled(10)
    clock.now += 11
    load.left(started=False)
    assert load.stalled(10)
    load.left(started=False)
    assert not load.stalled(10)


def test_running_sequences_and_the_cache_are_reported(load, registry):
    def value(name):
        return registry.get_sample_value(f"quadrille_text_{name}", {"model": "m"})

    load.submitted()
    load.submitted()
    load.started()
    prefixes = SimpleNamespace(queries=6, hits=4)
    steps = SimpleNamespace(kv_cache_usage=0.25, num_running_reqs=1, prefix_cache_stats=prefixes)
    load.measured(steps, SimpleNamespace(num_generation_tokens=1, num_prompt_tokens=6, num_preempted_reqs=2))
    assert (value("requests_running"), value("kv_cache_usage_ratio")) == (1, 0.25)
    assert (value("batch_size_sum"), value("iteration_tokens_sum")) == (1, 7)
    assert (value("prefix_cache_queries_total"), value("prefix_cache_hits_total")) == (6, 4)
    assert value("preemptions_total") == 2
    load.measured(None, None)
    load.left(started=True)
    load.left(started=False)
    assert (value("requests_running"), value("kv_cache_usage_ratio")) == (0, 0)
