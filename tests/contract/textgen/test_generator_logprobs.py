"""Log-probabilities from the port Generator: of what is chosen, and of the prompt."""

import pytest
import torch
from textgen.domain import PromptLogprobs

from .generating import PROMPTS, events_of, generate, run, task, tokens

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def test_logprobs_are_of_the_model_before_any_rule(served, reference):
    ids = served.model.codec.encode(PROMPTS[2])
    deltas, finished = await run(
        served,
        task(
            served,
            PROMPTS[2],
            temperature=0,
            logprobs=3,
            ignore_eos=True,
            logit_bias={77: 100.0},
            max_tokens=4,
        ),
    )
    entries = [entry for delta in deltas for entry in delta.logprobs]
    assert [entry.token_id for entry in entries] == [77] * 4
    with torch.inference_mode():
        wanted = reference(torch.tensor([[*ids, *[77] * 4]])).logits[0].log_softmax(-1)
    for place, entry in enumerate(entries):
        row = wanted[len(ids) - 1 + place]
        assert entry.logprob == pytest.approx(float(row[77]), abs=1e-3)
        assert [top.token_id for top in entry.top] == row.topk(3).indices.tolist()
        assert [top.logprob for top in entry.top] == pytest.approx(row.topk(3).values.tolist(), abs=1e-3)
        assert entry.token == served.model.codec.vocabulary.text_of(77)
    total = sum(entry.logprob for entry in entries)
    assert finished.sequences[0].cumulative_logprob == pytest.approx(total, abs=1e-3)


async def test_logprobs_come_only_when_asked_for(served):
    deltas, finished = await run(served, task(served, PROMPTS[0], temperature=0))
    assert not any(delta.logprobs for delta in deltas)
    assert finished.sequences[0].cumulative_logprob < 0
    deltas, _ = await run(served, task(served, PROMPTS[0], temperature=0, logprobs=0))
    assert all(not entry.top for delta in deltas for entry in delta.logprobs)
    assert sum(len(delta.logprobs) for delta in deltas) == len(tokens(deltas))


@pytest.mark.parametrize("top", [0, 2])
async def test_a_prompts_logprobs_come_once_before_all_deltas(served, reference, top):
    ids = (*served.model.codec.encode(PROMPTS[3]), *[5, 9] * 160)  # more than a step scores
    await generate(served, ids)  # its prefix is known
    request = task(served, ids, n=2, prompt_logprobs=top, max_tokens=3, temperature=0, ignore_eos=True)
    events = await events_of(served, request)
    count = sum(isinstance(event, PromptLogprobs) for event in events)
    assert all(isinstance(event, PromptLogprobs) for event in events[:count])
    found = [entry for event in events[:count] for entry in event.tokens]
    assert [entry.token_id for entry in found] == list(ids[1:])
    with torch.inference_mode():
        wanted = reference(torch.tensor([ids])).logits[0].log_softmax(-1)
    for place, entry in enumerate(found):
        best = wanted[place].topk(top)
        assert entry.logprob == pytest.approx(float(wanted[place, entry.token_id]), abs=1e-3)
        assert [each.logprob for each in entry.top] == pytest.approx(best.values.tolist(), abs=1e-3)
        assert entry.token == served.model.codec.vocabulary.text_of(entry.token_id)
    assert len(tokens(events[count:-1], 1)) == 3
