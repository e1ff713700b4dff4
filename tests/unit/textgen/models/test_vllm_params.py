import json
from types import SimpleNamespace

import pytest
from serving.errors import InvalidInput
from textgen.domain import GenerationTask, Sampling, StructuredKind, StructuredOutput
from textgen.models import vllm_params
from textgen.models.base import Sampled

ENDS = frozenset({1, 2})


def task(**rules):
    return GenerationTask((5, 6), Sampling(**rules), max_tokens=9, seed=40, request_id="r", priority=7)


def test_every_rule_of_the_contract_is_passed_on():
    rules = {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "frequency_penalty": 0.2,
        "presence_penalty": -0.3,
        "repetition_penalty": 1.1,
    }
    found = vllm_params.arguments(task(**rules, logprobs=3, logit_bias={4: -1.5}, n=3), 2, ENDS)
    assert {name: found[name] for name in rules} == rules
    assert (found["n"], found["seed"], found["max_tokens"]) == (1, 42, 9)
    assert (found["logprobs"], found["logit_bias"], found["stop_token_ids"]) == (3, {4: -1.5}, [1, 2])
    assert found["detokenize"] is False
    assert vllm_params.priority(task()) == -7


def test_defaults_ask_for_the_chosen_tokens_logprob_and_nothing_else():
    found = vllm_params.arguments(task(), 0, ENDS)
    assert (found["logprobs"], found["logit_bias"], found["top_k"]) == (0, None, 0)


def test_the_prompts_logprobs_are_asked_for_once():
    asked = task(prompt_logprobs=3, n=2)
    assert [vllm_params.arguments(asked, index, ENDS)["prompt_logprobs"] for index in (0, 1)] == [3, None]
    assert vllm_params.arguments(task(), 0, ENDS)["prompt_logprobs"] is None


def test_what_is_said_of_a_prompt_is_of_its_tokens_in_order():
    def entry(logprob, rank):
        return SimpleNamespace(logprob=logprob, rank=rank)

    found = [None, {6: entry(-3.0, 9), 8: entry(-0.5, 1)}, {7: entry(-0.1, 1)}]
    assert vllm_params.prompt_tokens((5, 6, 7), found, 1) == [
        Sampled(6, -3.0, ((8, -0.5),)),
        Sampled(7, -0.1, ((7, -0.1),)),
    ]


def test_end_tokens_are_stop_tokens_unless_they_are_ignored():
    listed = frozenset({9, 2})
    assert vllm_params.stop_ids(Sampling(stop_token_ids=listed), ENDS) == [1, 2, 9]
    assert vllm_params.stop_ids(Sampling(stop_token_ids=listed, ignore_eos=True), ENDS) == [2, 9]
    assert vllm_params.arguments(task(ignore_eos=True), 0, ENDS)["stop_token_ids"] == []


@pytest.mark.parametrize(("asked", "sent"), [(0, 0), (1e-6, 0.01), (0.01, 0.01), (2, 2)])
def test_temperatures_that_vllm_raises_are_raised_before(asked, sent):
    assert vllm_params.arguments(task(temperature=asked), 0, ENDS)["temperature"] == sent


def test_greedy_needs_no_seed():
    assert vllm_params.arguments(task(temperature=0), 0, ENDS)["seed"] is None


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"temperature": 2.1}, "sampling.temperature"),
        ({"logit_bias": dict.fromkeys(range(1025), 0.0)}, "sampling.logit_bias"),
        ({"logprobs": 21}, "sampling.logprobs"),
        ({"prompt_logprobs": 21}, "sampling.prompt_logprobs"),
    ],
)
def test_what_vllm_does_not_take_is_refused_before_it_sees_it(rules, field):
    with pytest.raises(InvalidInput) as caught:
        vllm_params.check(Sampling(**rules))
    assert caught.value.field == field


def test_what_is_at_the_limits_passes():
    vllm_params.check(Sampling(temperature=2.0, logit_bias=dict.fromkeys(range(1024), 0.0), logprobs=20))


def test_vllm_never_gets_more_stop_tokens_than_it_holds():
    listed = frozenset(range(10, 138))
    sent = vllm_params.arguments(task(stop_token_ids=listed), 0, ENDS)["stop_token_ids"]
    assert len(sent) == 128
    assert set(sent) > ENDS
    assert vllm_params.stop_ids(Sampling(stop_token_ids=listed), ENDS) == [1, 2, *range(10, 138)]


def structured(kind, value="", choices=()):
    return vllm_params.structured_arguments(StructuredOutput(StructuredKind(kind), value, choices))


def test_languages_keep_their_meaning():
    assert structured("regex", "a/b") == {"regex": "a/b"}
    schema = json.loads(structured("json_schema", '{"type": "object"}')["json"])
    assert schema["type"] == "object"
    assert schema["x-guidance"]["whitespace_pattern"]  # spaces are bounded there as here
    lark = structured("grammar", 'start: "::=" "x"')["grammar"]
    assert lark == '%llguidance {}\nstart: "::=" "x"'
    assert structured("grammar", lark) == {"grammar": lark}
    assert structured("choice", choices=("漢", 'a"b'))["grammar"].endswith('start: "漢" | "a\\"b"')


def stamps(queued, scheduled, first, last):
    return SimpleNamespace(queued_ts=queued, scheduled_ts=scheduled, first_token_ts=first, last_token_ts=last)


def test_times_of_a_request_span_its_sequences():
    times = vllm_params.timings([stamps(1, 2, 4, 9), stamps(1.5, 3, 5, 12)], before_s=0.25)
    assert (times.queue_ms, times.prefill_ms, times.decode_ms, times.device_ms) == (1250, 2000, 8000, 10000)
    assert times.energy_joules is None
    assert vllm_params.timings([], before_s=0.5).queue_ms == 500


def test_the_likeliest_come_best_first_without_a_chosen_one_beyond_them():
    entries = {
        7: SimpleNamespace(logprob=-9.0, rank=50),
        3: SimpleNamespace(logprob=-0.5, rank=1),
        4: SimpleNamespace(logprob=-1.5, rank=2),
    }
    assert vllm_params.ranked(entries, 2) == ((3, -0.5), (4, -1.5))
    assert vllm_params.ranked(entries, 0) == ()


def test_a_forced_token_is_scored_after_its_prompt():
    found = vllm_params.score_arguments(8)
    assert (found["allowed_token_ids"], found["prompt_logprobs"], found["max_tokens"]) == ([8], 0, 1)
