"""The port DecoderRunner: every adapter, stepped by the scheduler, with rows that come, go and come back."""

import random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textgen.domain import Sampling
from textgen.models.base import RowSpec
from textgen.models.checkpoint import ModelLoadError
from textgen.models.torch_network import TorchNetwork
from textgen.scheduler import Limits, Span
from transformers import MambaConfig, MambaForCausalLM

from .batch import ROOMY, Batch, row, run

ENCODER_DECODERS = ("t5", "bart")
DECODERS = ("llama", "qwen2", "mixtral", "mistral", "gemma", "phi3", "gpt2")
FAMILIES = (*DECODERS, *ENCODER_DECODERS)
GREEDY = Sampling(temperature=0)
VOCABULARY = 61


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def expected(family, model_of):
    """What transformers' own generate says after a prompt, past its end token, too."""
    model, known = model_of(family), {}

    def generated(ids, count):
        found = known.get(tuple(ids), [])
        if len(found) < count:
            with torch.inference_mode():
                output = model.generate(
                    torch.tensor([ids]),
                    attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                    max_new_tokens=count,
                    min_new_tokens=count if not model.config.is_encoder_decoder else None,
                    do_sample=False,
                    eos_token_id=None,
                )[0].tolist()
            found = known[tuple(ids)] = output[1:] if model.config.is_encoder_decoder else output[len(ids) :]
        return found[:count]

    return generated


def prompt(seed, length):
    return tuple(random.Random(seed).choices(range(3, VOCABULARY), k=length))


# Prompts begin alike, so that blocks are shared; they repeat themselves, so that drafts are made.
BEGINNINGS = [prompt(7, 40), (*prompt(8, 20), *prompt(8, 20)), prompt(9, 16)]
PROMPTS = st.builds(
    lambda begin, end: (*BEGINNINGS[begin], *end), st.integers(0, 2), st.lists(st.integers(3, 60), max_size=6)
) | st.lists(st.integers(3, 60), min_size=1, max_size=12).map(tuple)
ARRIVALS = st.lists(
    st.tuples(st.integers(0, 6), PROMPTS, st.integers(1, 24), st.integers(-1, 1)), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    arrivals=ARRIVALS,
    blocks=st.integers(5, 20),
    step=st.sampled_from([4, 7, 16, 256]),
    speculative=st.booleans(),
)
def test_greedy_is_that_of_transformers(family, runner, expected, arrivals, blocks, step, speculative):
    limits = Limits(max_batch_size=4, max_batch_tokens=16 * blocks, max_prefill_tokens=step)
    plain = family not in ENCODER_DECODERS
    batch = Batch(runner, limits, caches=plain, speculative=speculative and plain)
    todo = sorted(enumerate(arrivals), key=lambda item: item[1][0])
    now = 0
    while todo or batch.scheduler.waiting or batch.scheduler.running:
        while todo and todo[0][1][0] <= now:
            number, (_, ids, count, priority) = todo.pop(0)
            batch.add(row(number, ids, GREEDY), count, priority=priority)
        batch.step()
        now += 1
    found = batch.finish()
    for number, (_, ids, count, _) in enumerate(arrivals):
        assert found[number] == expected(ids, count)


def test_those_who_give_way_go_on_where_they_were(family, runner, expected):
    limits = Limits(max_batch_size=4, max_batch_tokens=80, max_prefill_tokens=32)
    batch = Batch(runner, limits, caches=family not in ENCODER_DECODERS)
    prompts = [prompt(number, 14) for number in range(4)]
    for number, ids in enumerate(prompts):
        batch.add(row(number, ids, GREEDY), 30)
    found = batch.finish()
    assert batch.preempted > 0
    assert found == {number: expected(ids, 30) for number, ids in enumerate(prompts)}


@pytest.mark.parametrize("family", ["pegasus"], indirect=True)
def test_rows_at_different_positions_need_not_fit_one_batch(runner, expected):
    batch, counts = Batch(runner, caches=False), {1: 9, 2: 6, 3: 4}
    for number, count in counts.items():
        batch.add(row(number, prompt(number, 5 * number), GREEDY), count)
        batch.step()
        batch.step()
    found = batch.finish()
    assert found == {number: expected(prompt(number, 5 * number), count) for number, count in counts.items()}


@pytest.mark.parametrize(
    ("family", "crossing"),
    [("t5", "block.0.layer.1.EncDecAttention.k"), ("bart", "layers.0.encoder_attn.k_proj")],
    indirect=["family"],
)
def test_an_answer_costs_one_token_a_step(runner, crossing):
    decoder, prompts, steps = runner._model.get_decoder(), [], []
    hooks = [
        decoder.get_submodule(crossing).register_forward_pre_hook(
            lambda _, given: prompts.append(given[0].shape[1])
        ),
        runner._model.get_output_embeddings().register_forward_pre_hook(
            lambda _, given: steps.append(tuple(given[0].shape[:2]))
        ),
    ]
    run(runner, [(row(1, prompt(1, 9), GREEDY), 6), (row(2, prompt(2, 4), GREEDY), 6)], caches=False)
    for hook in hooks:
        hook.remove()
    assert sorted(prompts) == [4, 9]
    assert steps == [(1, 1), (1, 1)] + 5 * [(2, 1)]


@pytest.mark.parametrize("family", DECODERS, indirect=True)
def test_a_prefix_is_computed_once(runner, expected):
    batch, ids = Batch(runner), prompt(5, 50)
    batch.add(row(1, ids, GREEDY), 3)
    batch.finish()
    batch.add(row(2, ids, GREEDY), 3)
    (span,) = batch.step().spans
    assert (span.start, len(span.tokens)) == (48, 2)
    assert batch.finish() == {1: expected(ids, 3), 2: expected(ids, 3)}
    assert batch.found == 48


@pytest.mark.parametrize("family", DECODERS, indirect=True)
def test_a_prompt_of_whole_blocks_copies_the_last_before_it_writes(runner, expected):
    batch, ids = Batch(runner), prompt(6, 32)
    batch.add(row(1, ids, GREEDY), 9)
    batch.step()
    batch.add(row(2, ids, GREEDY), 9)
    plan = batch.step()
    assert len(plan.copies) == 1
    assert [(span.start, len(span.tokens)) for span in plan.spans if span.key == (2, 0)] == [(31, 1)]
    assert batch.finish() == {1: expected(ids, 9), 2: expected(ids, 9)}


@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral"], indirect=True)
def test_drafts_save_steps_and_change_nothing(runner, expected):
    ids = prompt(3, 6) * 6
    rules = Sampling(temperature=1e-6)  # its draws are as good as greedy, but each is drawn

    def steps(speculative, sampling):
        batch = Batch(runner, speculative=speculative)
        batch.add(row(1, ids, sampling, seed=5), 40)
        count = 0
        while batch.scheduler.running or batch.scheduler.waiting:
            batch.step()
            count += 1
        assert batch.finish() == {1: expected(ids, 40)}
        return count, batch.kept

    for sampling in (GREEDY, rules):
        plain, drafted = steps(False, sampling), steps(True, sampling)
        assert plain == (40, 0)
        assert drafted[0] == 40 - drafted[1]


def test_a_seeded_sample_is_the_same_alone_in_a_crowd_and_with_drafts(family, runner):
    rules = Sampling(temperature=1.5, top_p=0.95, repetition_penalty=1.2)
    mine = (row(1, prompt(1, 7) * 3, rules, seed=11), 10)
    caches = family not in ENCODER_DECODERS
    alone = run(runner, [mine], caches=caches)[1]
    crowd = [(row(i, prompt(i, 3 * i), rules, seed=i), 2 * i) for i in (2, 3, 4)]
    assert run(runner, [*crowd[:1], mine, *crowd[1:]], caches=caches)[1] == alone
    if caches:
        assert run(runner, [mine, *crowd], speculative=True)[1] == alone
    other = (row(1, prompt(1, 7) * 3, rules, seed=12), 10)
    assert run(runner, [other], caches=caches)[1] != alone


def test_logprobs_are_of_the_model_before_any_rule(runner, model_of, family):
    ids = prompt(3, 5)
    rules = Sampling(temperature=0, logprobs=3, logit_bias={17: 100.0})
    batch = Batch(runner)
    batch.add(row(1, ids, rules), 1)
    batch.finish()
    (result,) = batch.answers[1, 0]
    model = model_of(family)
    with torch.inference_mode():
        if family in ENCODER_DECODERS:
            start = torch.tensor([[model.config.decoder_start_token_id]])
            logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=start).logits[0, -1]
        else:
            logits = model(torch.tensor([ids])).logits[0, -1]
    logprobs = logits.log_softmax(-1)
    assert result.token_id == 17
    assert result.logprob == pytest.approx(float(logprobs[17]), abs=1e-4)
    assert [token for token, _ in result.top] == logprobs.topk(3).indices.tolist()
    assert [value for _, value in result.top] == pytest.approx(logprobs.topk(3).values.tolist(), abs=1e-4)


@pytest.mark.parametrize("family", DECODERS, indirect=True)
@pytest.mark.parametrize("speculative", [False, True])
def test_a_prompts_logprobs_are_those_of_a_plain_forward_whatever_is_known_of_it(
    runner, model_of, family, expected, speculative
):
    ids, others = prompt(5, 50), [prompt(5, 50), prompt(8, 12)]
    limits = Limits(max_batch_size=4, max_batch_tokens=176, max_prefill_tokens=24)
    batch = Batch(runner, limits, speculative=speculative)
    for number, each in enumerate(others, 1):
        batch.add(row(number, each, GREEDY), 40)
    batch.step(), batch.step()
    batch.add(row(5, ids, Sampling(temperature=0, prompt_logprobs=2)), 20, scored=True)
    batch.add(RowSpec((5, 1), ids, Sampling(temperature=0, prompt_logprobs=2), 0), 20, fork=(5, 0))
    batch.finish()
    assert batch.preempted > 0
    assert list(batch.scored) == [(5, 0)]
    assert [sampled.token_id for sampled in batch.answers[5, 0]] == expected(ids, 20)
    with torch.inference_mode():
        wanted = model_of(family)(torch.tensor([ids])).logits[0].log_softmax(-1)
    assert list(batch.scored[5, 0]) == list(range(1, 50))
    for place, found in batch.scored[5, 0].items():
        scores = wanted[place - 1]
        assert (found.token_id, len(found.top)) == (ids[place], 2)
        assert found.logprob == pytest.approx(float(scores[ids[place]]), abs=1e-4)
        assert [token for token, _ in found.top] == scores.topk(2).indices.tolist()
        assert [value for _, value in found.top] == pytest.approx(scores.topk(2).values.tolist(), abs=1e-4)


class Only:
    """Allows the tokens of one set; an empty one allows none."""

    def __init__(self, *allowed):
        bits = np.zeros(-(-VOCABULARY // 32) * 32, dtype=np.uint8)
        bits[list(allowed)] = 1
        self._mask = np.packbits(bits, bitorder="little").view(np.int32)

    def bitmask(self):
        return self._mask

    def accept(self, token_id):
        pass

    def finished(self):
        return False


def test_a_constraint_is_kept(runner):
    rules = Sampling(temperature=3.0)
    answers = run(
        runner,
        [(row(1, prompt(1, 4), rules, 3, Only(5, 33, 60)), 12), (row(2, prompt(2, 6), rules, 3), 12)],
    )
    assert set(answers[1]) <= {5, 33, 60}
    assert len(set(answers[1])) > 1
    assert not set(answers[2]) <= {5, 33, 60}


def test_a_row_that_fails_alone_harms_no_other(runner, expected):
    good, batch = prompt(5, 6), Batch(runner)
    batch.add(row(1, prompt(4, 9), GREEDY, constraint=Only()), 5)
    batch.add(row(2, good, GREEDY), 5)
    assert batch.finish() == {1: [], 2: expected(good, 5)}
    assert list(batch.errors) == [(1, 0)]


def test_a_pass_that_failed_can_be_made_again(runner, expected, monkeypatch):
    ids, batch = prompt(2, 11), Batch(runner)
    batch.add(row(1, ids, GREEDY), 6)
    batch.step()
    (span,) = batch.scheduler.plan(0.0).spans
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="a fault"):
        patch.setattr(
            torch.nn.Linear, "forward", failing := lambda *_: (_ for _ in ()).throw(RuntimeError("a fault"))
        )
        patch.setattr("transformers.pytorch_utils.Conv1D.forward", failing)
        runner.step([span])
    assert batch.finish() == {1: expected(ids, 6)}


def test_rows_of_one_request_share_its_prompt_and_are_kept_apart(family, runner):
    rules, ids = Sampling(temperature=2.0), prompt(1, 21)
    batch = Batch(runner, caches=family not in ENCODER_DECODERS)
    for index in range(3):
        batch.add(RowSpec((1, index), ids, rules, 7 + index), 8, fork=(1, 0) if index else None)
    batch.step()
    plan = batch.step()
    if family not in ENCODER_DECODERS:
        assert [len(span.tokens) for span in plan.spans] == [1, 1, 1]
        assert len(plan.copies) == 2
    batch.finish()
    texts = [[sampled.token_id for sampled in batch.answers[1, index]] for index in range(3)]
    for index in range(3):
        assert run(runner, [(row(1, ids, rules, 7 + index), 8)])[1] == texts[index]
    assert texts[0] != texts[1]


def test_blocks_need_not_lie_in_order(model_of, decoder_of):
    model, runner, ids = model_of("llama"), decoder_of("llama", blocks=8), prompt(1, 40)
    runner.join(row(1, ids, GREEDY))
    (result,) = runner.step([Span((1, 0), ids, 0, (6, 1, 4), chooses=True)]).chosen[1, 0]
    with torch.inference_mode():
        assert result.token_id == int(model(torch.tensor([ids])).logits[0, -1].argmax())


def test_layers_with_a_state_of_another_kind_are_refused():
    config = MambaConfig(vocab_size=61, hidden_size=16, num_hidden_layers=1, state_size=4)
    with pytest.raises(ModelLoadError, match="Mamba"):
        TorchNetwork(MambaForCausalLM(config).eval(), blocks=4)


def test_the_cache_is_as_large_as_said(runner, family):
    if family in DECODERS:
        assert {len(tensor) for tensor in runner._network._cache.keys} == {ROOMY.blocks}
