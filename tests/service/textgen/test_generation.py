import asyncio

import pytest
import torch
import transformers
from quadrille_client import InvalidArgumentError
from quadrille_client.types.text import Delta, Finished, Started

PROMPTS = ["the cat", "a dog ran on the mat and", "x", "the the the sat on the cat", "dog"]


def reference(directory, prompt, count):
    """Tokens that transformers' own generate gives."""
    kind = transformers.AutoModelForSeq2SeqLM if directory.name == "t5" else transformers.AutoModelForCausalLM
    model = kind.from_pretrained(directory).eval()
    ids = transformers.AutoTokenizer.from_pretrained(directory)(prompt, return_tensors="pt").input_ids
    with torch.inference_mode():
        output = model.generate(ids, max_new_tokens=count, do_sample=False, pad_token_id=0)[0]
    return output[1:].tolist() if directory.name == "t5" else output[ids.shape[1] :].tolist()


async def tokens(client, prompt, **sampling):
    found = []
    async with client.stream_generate(prompt, **sampling) as stream:
        async for event in stream:
            if isinstance(event, Delta):
                found += event.token_ids
    return found


@pytest.mark.parametrize("family", ["llama", "gpt2", "mixtral", "mistral", "t5"])
async def test_greedy_equals_transformers_whoever_shares_the_batch(serve, checkpoints, family):
    served = await serve(family, max_batch_size=3)

    async def late(place, prompt):
        await asyncio.sleep(0.01 * place)  # rows join and leave while others run
        return await tokens(served.client, prompt, temperature=0, max_tokens=8 + 3 * place)

    answers = await asyncio.gather(*(late(place, prompt) for place, prompt in enumerate(PROMPTS)))
    for place, (prompt, answer) in enumerate(zip(PROMPTS, answers, strict=True)):
        assert answer == reference(checkpoints[family], prompt, 8 + 3 * place)


async def test_a_seeded_sample_is_the_same_alone_and_in_any_batch(serve):
    served = await serve("llama")
    alone = await tokens(served.client, "the cat", seed=7, max_tokens=16, top_p=0.9)
    crowd = await asyncio.gather(
        *(
            tokens(served.client, prompt, seed=7, max_tokens=16, top_p=0.9)
            for prompt in ("x", "the cat", "dog ran")
        )
    )
    assert crowd[1] == alone
    assert alone != await tokens(served.client, "the cat", seed=8, max_tokens=16, top_p=0.9)


async def test_sequence_i_uses_seed_plus_i(serve):
    served = await serve("llama")
    many = await served.client.generate("the cat", n=3, seed=5, max_tokens=10)
    alone = [(await served.client.generate("the cat", seed=5 + i, max_tokens=10)).text for i in range(3)]
    assert list(many.texts) == alone
    assert many.finished.usage.prompt_tokens == many.started.prompt_tokens


async def test_the_stream_has_its_shape_and_never_splits_a_character(serve):
    served = await serve("llama")
    for seed in range(6):
        async with served.client.stream_generate(
            "héllo", seed=seed, max_tokens=40, temperature=3.0
        ) as stream:
            events = [event async for event in stream]
        assert isinstance(events[0], Started)
        assert isinstance(events[-1], Finished)
        deltas = events[1:-1]
        ids = [token for delta in deltas for token in delta.token_ids]
        assert "".join(delta.text for delta in deltas) == await served.client.detokenize(
            [token for token in ids if token != 0]
        )


async def test_stop_strings_end_a_sequence_and_are_left_out(serve):
    served = await serve("llama")
    text = (await served.client.generate("the cat", temperature=0, max_tokens=30, ignore_eos=True)).text
    stop = text[6:9]
    stopped = await served.client.generate(
        "the cat", temperature=0, max_tokens=30, ignore_eos=True, stop=[stop]
    )
    assert stopped.text == text[: text.index(stop)]
    assert (stopped.finished.sequences[0].finish_reason, stopped.finished.sequences[0].stop) == ("stop", stop)


async def test_logprobs_are_those_of_a_plain_forward(serve, checkpoints):
    served = await serve("llama")
    answer = await served.client.generate("the cat", temperature=0, max_tokens=6, logprobs=3, ignore_eos=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoints["llama"]).eval()
    prompt = transformers.AutoTokenizer.from_pretrained(checkpoints["llama"])("the cat").input_ids
    chosen = [entry.token_id for entry in answer.logprobs[0]]
    with torch.inference_mode():
        wanted = model(torch.tensor([[*prompt, *chosen]])).logits[0].log_softmax(-1)
    for place, entry in enumerate(answer.logprobs[0]):
        row = wanted[len(prompt) - 1 + place]
        assert entry.logprob == pytest.approx(float(row[entry.token_id]), abs=1e-4)
        assert [top.token_id for top in entry.top] == row.topk(3).indices.tolist()
    total = sum(entry.logprob for entry in answer.logprobs[0])
    assert answer.finished.sequences[0].cumulative_logprob == pytest.approx(total, abs=1e-4)


async def test_a_prompts_logprobs_are_those_of_a_plain_forward(serve, checkpoints):
    served = await serve("llama", "t5")
    answer = await served.client.generate("the cat sat", max_tokens=2, n=2, prompt_logprobs=3)
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoints["llama"]).eval()
    prompt = transformers.AutoTokenizer.from_pretrained(checkpoints["llama"])("the cat sat").input_ids
    with torch.inference_mode():
        wanted = model(torch.tensor([prompt])).logits[0].log_softmax(-1)
    assert [entry.token_id for entry in answer.prompt_logprobs] == prompt[1:]
    for row, entry in zip(wanted, answer.prompt_logprobs, strict=False):
        assert entry.logprob == pytest.approx(float(row[entry.token_id]), abs=1e-4)
        assert [top.token_id for top in entry.top] == row.topk(3).indices.tolist()
    chat = await served.client.chat("the cat", max_tokens=2, prompt_logprobs=0)
    assert len(chat.prompt_logprobs) == chat.started.prompt_tokens - 1
    assert (await served.client.generate("the cat", max_tokens=2)).prompt_logprobs == ()
    with pytest.raises(InvalidArgumentError, match=r"sampling\.prompt_logprobs: T5"):
        await served.client.generate("the cat", model="t5", prompt_logprobs=0)


async def test_a_constrained_answer_satisfies_its_constraint(serve):
    import json
    import re

    served = await serve("llama")
    assert re.fullmatch("[ab]{4}", (await served.client.generate("x", regex="[ab]{4}", max_tokens=20)).text)
    assert (await served.client.generate("x", choice=["yes", "no"], max_tokens=20)).text in ("yes", "no")
    schema = json.dumps(
        {
            "type": "object",
            "properties": {"n": {"type": "integer", "maximum": 9}},
            "required": ["n"],
            "additionalProperties": False,
        }
    )
    value = json.loads((await served.client.generate("x", json_schema=schema, max_tokens=60)).text)
    assert isinstance(value["n"], int)
    assert (await served.client.generate("x", grammar='start: "ab"+ "."', max_tokens=90, logit_bias={})).text


async def test_cancellation_frees_the_rows(serve):
    served = await serve("llama")
    async with served.client.stream_generate("the", max_tokens=120, ignore_eos=True) as stream:
        await anext(aiter(stream))
    for _ in range(200):
        if served.value("requests_running", model="llama") == 0:
            break
        await asyncio.sleep(0.02)
    assert served.value("requests_running", model="llama") == 0
    assert (await served.client.generate("the", max_tokens=2)).text is not None


async def test_metrics_count_what_happened(serve):
    served = await serve("llama")
    await served.client.generate("the cat", max_tokens=5, temperature=0, ignore_eos=True)
    assert served.value("generation_tokens_total", model="llama") == 5
    assert served.value("time_to_first_token_seconds_count", model="llama") == 1
    assert served.value("request_success_total", model="llama", finish_reason="length") == 1


async def test_tokens_are_counted_by_the_experts_that_compute_them(serve):
    served = await serve("mixtral")
    answer = await served.client.generate("the cat", max_tokens=5, temperature=0, ignore_eos=True)
    computed = answer.started.prompt_tokens + 4  # the last token that is chosen is never computed
    for layer in "01":
        experts = [
            served.value("moe_expert_tokens_total", model="mixtral", layer=layer, expert=expert)
            for expert in "0123"
        ]
        assert sum(experts) == 2 * computed


async def test_deltas_come_as_far_apart_as_is_asked_for(serve):
    served = await serve("llama")
    wanted = await tokens(served.client, "the cat", seed=3, max_tokens=30, ignore_eos=True)
    stream = served.client.stream_generate(
        "the cat", seed=3, max_tokens=30, ignore_eos=True, delta_interval_ms=60_000
    )
    async with stream:
        deltas = [event async for event in stream if isinstance(event, Delta)]
    assert len(deltas) <= 2
    assert [token for delta in deltas for token in delta.token_ids] == wanted
    with pytest.raises(InvalidArgumentError, match="delta_interval_ms"):
        await tokens(served.client, "x", delta_interval_ms=60_001)
