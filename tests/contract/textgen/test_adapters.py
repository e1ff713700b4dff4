"""LoRA in a running batch: each sequence is answered as by a model with its own adapter merged into the weights."""

import gc
import random
import weakref

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textgen.domain import Sampling
from textgen.scheduler import Limits

from .adapters import adapter, matrices, merged
from .batch import Batch, row

FAMILIES = ("llama", "qwen2", "mixtral", "mistral", "gemma", "phi3", "gpt2")
GREEDY = Sampling(temperature=0)
# Every layer, some layers, and the same name with other weights behind it.
ADAPTERS = {
    "x": {"seed": 1},
    "y": {"seed": 2, "rank": 2, "scale": 3.0, "targets": ("v_proj", "qkv_proj", "c_attn", "down_proj")},
    "x again": {"seed": 3, "rank": 7},
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def adapters(runner, family, model_of):
    """By name: the adapter, and what transformers' own generate says with it."""
    model = model_of(family)
    found = {None: (None, generated(model))}
    for name, options in ADAPTERS.items():
        pairs = matrices(model, **options)
        found[name] = adapter(runner._network, name, pairs), generated(merged(model, pairs))
    return found


def generated(model):
    known = {}

    def tokens(ids, count):
        if len(known.get(ids, [])) < count:
            with torch.inference_mode():
                output = model.generate(
                    torch.tensor([ids]),
                    attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                    max_new_tokens=count,
                    min_new_tokens=count,
                    do_sample=False,
                    eos_token_id=None,
                )
            known[ids] = output[0].tolist()[len(ids) :]
        return known[ids][:count]

    return tokens


def prompt(seed, length):
    return tuple(random.Random(seed).choices(range(3, 61), k=length))


def answers(runner, adapters, todo, limits, **more):
    """Run (name, prompt, count), all at once; AssertionError unless each answer is its adapter's."""
    batch = Batch(runner, limits, **more)
    for number, (name, ids, count) in enumerate(todo):
        batch.add(row(number, ids, GREEDY), count, adapter=adapters[name][0])
    found = batch.finish()
    for number, (name, ids, count) in enumerate(todo):
        assert found[number] == adapters[name][1](ids, count), (number, name)
    return batch


def test_adapters_change_what_is_said(adapters):
    said = [[expected(prompt(seed, 20), 8) for seed in range(6)] for _, expected in adapters.values()]
    assert all(one != other for place, one in enumerate(said) for other in said[:place])


# Prompts begin alike, and repeat themselves: blocks would be shared, and drafts are made.
PROMPTS = st.sampled_from([prompt(7, 40), prompt(8, 20) * 2, prompt(8, 16), prompt(7, 33), prompt(9, 3)])


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    todo=st.lists(
        st.tuples(st.sampled_from([None, *ADAPTERS]), PROMPTS, st.integers(1, 20)), min_size=1, max_size=6
    ),
    blocks=st.integers(5, 20),
    step=st.sampled_from([4, 16, 256]),
    speculative=st.booleans(),
)
def test_each_is_answered_by_its_own_weights(runner, adapters, todo, blocks, step, speculative):
    limits = Limits(max_batch_size=4, max_batch_tokens=16 * blocks, max_prefill_tokens=step)
    answers(runner, adapters, todo, limits, speculative=speculative)


def test_those_who_give_way_come_back_under_their_adapters(runner, adapters):
    limits = Limits(max_batch_size=4, max_batch_tokens=80, max_prefill_tokens=32)
    todo = [(name, prompt(5, 14), 30) for name in adapters]
    assert answers(runner, adapters, todo, limits).preempted > 0


def test_prefixes_are_shared_under_one_adapter_and_never_beyond(runner, adapters):
    limits, ids = Limits(max_batch_size=8, max_batch_tokens=1024, max_prefill_tokens=512), prompt(5, 50)
    batch = Batch(runner, limits)
    for number, name in enumerate((None, "x", "x again", "x", None)):
        batch.add(row(number, ids, GREEDY), 6, adapter=adapters[name][0])
        assert batch.finish()[number] == adapters[name][1](ids, 6)
        assert batch.found == 48 * max(0, number - 2)


def test_sequences_of_one_request_share_prompt_and_adapter(runner, adapters):
    limits, ids = Limits(max_batch_size=8, max_batch_tokens=1024, max_prefill_tokens=512), prompt(5, 21)
    batch = Batch(runner, limits)
    for number in range(3):
        fork = (0, 0) if number else None
        batch.add(row(number, ids, GREEDY), 8, fork=fork, adapter=adapters["y"][0])
    assert list(batch.finish().values()) == [adapters["y"][1](ids, 8)] * 3
    assert batch.found == 40


@pytest.mark.parametrize("family", ["llama"], indirect=True)
def test_an_adapter_is_gone_with_the_last_who_holds_it(runner, model_of):
    mine = adapter(runner._network, "z", matrices(model_of("llama"), 9))
    batch, alive = Batch(runner), weakref.ref(mine)
    batch.add(row(1, prompt(1, 20), GREEDY), 3, adapter=mine)
    del mine
    batch.step()
    gc.collect()
    assert alive() is not None
    batch.finish()
    gc.collect()
    assert alive() is None
