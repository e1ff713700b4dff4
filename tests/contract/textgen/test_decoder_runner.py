"""The port DecoderRunner: every adapter, with rows that come and go."""

import random

import numpy as np
import pytest
import torch
from textgen.domain import Sampling
from textgen.models.base import RowSpec, Sampled
from textgen.models.decoder import TorchDecoder
from textgen.models.seq2seq import TorchSeq2Seq

ENCODER_DECODERS = ("t5", "bart")
FAMILIES = ("llama", "qwen2", "mixtral", "mistral", "gpt2", *ENCODER_DECODERS)
GREEDY = Sampling(temperature=0)
VOCABULARY = 61


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def runner(family, model_of):
    model = model_of(family)
    if family in ENCODER_DECODERS:
        return TorchSeq2Seq(model, empty_prompt=[2])
    return TorchDecoder(model, start_token=1)


def prompt(seed, length):
    return tuple(random.Random(seed).choices(range(3, VOCABULARY), k=length))


def row(number, ids, sampling=GREEDY, seed=0, constraint=None):
    return RowSpec((number, 0), tuple(ids), sampling, seed, constraint)


def drive(runner, arrivals):
    """Run rows that join before given steps and leave with enough tokens; the tokens by request number.

    arrivals: step -> [(row, tokens wanted)].
    """
    wanted, answers, step = {}, {}, 0
    while arrivals.keys() - set(range(step)) or any(
        len(answers[key]) < count for key, count in wanted.items()
    ):
        results = dict(runner.decode()) if answers else {}
        if newcomers := arrivals.get(step, []):
            wanted |= {each.key: count for each, count in newcomers}
            results |= runner.prefill([each for each, _ in newcomers])
        for key, result in results.items():
            assert isinstance(result, Sampled)
            answers.setdefault(key, []).append(result.token_id)
        runner.drop([key for key in results if len(answers[key]) >= wanted[key]])
        step += 1
    return {key[0]: answer for key, answer in answers.items()}


def generated(model, ids, count):
    """What transformers' own generate says, past its end token, too."""
    with torch.inference_mode():
        output = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=count,
            min_new_tokens=count if not model.config.is_encoder_decoder else None,
            do_sample=False,
            eos_token_id=None,
        )[0].tolist()
    return output[1:] if model.config.is_encoder_decoder else output[len(ids) :]


@pytest.mark.parametrize("seed", [1, 2])
def test_greedy_is_that_of_transformers_whoever_comes_and_goes(family, runner, model_of, seed):
    chance = random.Random(seed)
    rows = [(row(i, prompt(f"{seed}{i}", chance.randint(1, 14))), chance.randint(2, 16)) for i in range(6)]
    arrivals = {}
    for each in rows:
        arrivals.setdefault(chance.randint(0, 8), []).append(each)
    answers = drive(runner, arrivals)
    for spec, count in rows:
        assert answers[spec.key[0]] == generated(model_of(family), spec.prompt, count)


def test_a_seeded_sample_is_the_same_alone_and_in_a_crowd(runner):
    rules = Sampling(temperature=1.5, top_p=0.95, repetition_penalty=1.2)
    mine = (row(1, prompt(1, 7), rules, seed=11), 10)
    alone = drive(runner, {0: [mine]})[1]
    crowd = [(row(i, prompt(i, 3 * i), rules, seed=i), 2 * i) for i in (2, 3, 4)]
    assert drive(runner, {0: crowd[:1], 1: [mine, crowd[1]], 3: crowd[2:]})[1] == alone
    other = (row(1, prompt(1, 7), rules, seed=12), 10)
    assert drive(runner, {0: [other]})[1] != alone


def test_logprobs_are_of_the_model_before_any_rule(runner, model_of, family):
    ids = prompt(3, 5)
    rules = Sampling(temperature=0, logprobs=3, logit_bias={17: 100.0})
    result = runner.prefill([row(1, ids, rules)])[1, 0]
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
    answers = drive(
        runner,
        {0: [(row(1, prompt(1, 4), rules, 3, Only(5, 33, 60)), 12), (row(2, prompt(2, 6), rules, 3), 12)]},
    )
    assert set(answers[1]) <= {5, 33, 60}
    assert len(set(answers[1])) > 1
    assert not set(answers[2]) <= {5, 33, 60}


def test_a_row_that_fails_alone_harms_no_other(runner, model_of, family):
    good = prompt(5, 6)
    results = runner.prefill([row(1, prompt(4, 9), constraint=Only()), row(2, good)])
    assert isinstance(results[1, 0], Exception)
    tokens = [results[2, 0].token_id]
    runner.drop([(1, 0)])
    tokens += [runner.decode()[2, 0].token_id for _ in range(4)]
    assert tokens == generated(model_of(family), good, 5)


def test_rows_leave_and_the_batch_can_start_anew(runner):
    assert runner.decode() == {}
    first = drive(runner, {0: [(row(1, prompt(1, 4)), 3)]})
    assert runner.decode() == {}
    runner.prefill([row(2, prompt(2, 12)), row(3, prompt(3, 2))])
    runner.drop([(9, 9)])
    assert set(runner.decode()) == {(2, 0), (3, 0)}
    runner.clear()
    assert runner.decode() == {}
    assert drive(runner, {0: [(row(1, prompt(1, 4)), 3)]}) == first


def test_rows_of_one_request_are_kept_apart(runner):
    rules = Sampling(temperature=2.0)
    rows = [RowSpec((1, index), prompt(1, 4), rules, 7 + index) for index in range(3)]
    results = [runner.prefill(rows), *(runner.decode() for _ in range(7))]
    texts = {index: [step[1, index].token_id for step in results] for index in range(3)}
    runner.clear()
    for index in range(3):
        assert drive(runner, {0: [(row(1, prompt(1, 4), rules, 7 + index), 8)]})[1] == texts[index]
    assert texts[0] != texts[1]


def test_padding_that_no_row_needs_is_cut(model_of):
    runner = TorchDecoder(model_of("llama"), start_token=1)
    runner.prefill([row(1, prompt(1, 40)), row(2, prompt(2, 3))])
    runner.decode()
    runner.drop([(1, 0)])
    assert runner._cache.layers[0].keys.shape[2] == 4
