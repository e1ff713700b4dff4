"""A sequence of vLLM's with answers as vLLM gives them; that it gives them so is the contract suite's matter."""

import asyncio
from types import SimpleNamespace

from textgen.channel import EventChannel
from textgen.detokenizer import Detokenizer
from textgen.domain import Finished, PromptLogprobs, Timings, Usage
from textgen.models.vllm_sequence import VllmSequence
from textgen.prompt_logprobs import PromptTeller
from textgen.sequence import SequenceState
from textgen.stops import StopMatcher

PROMPT = range(600)


def entries(token):
    return {token: SimpleNamespace(logprob=-1.0, rank=1)}


async def outputs():
    for place in range(3):
        yield SimpleNamespace(
            outputs=[SimpleNamespace(token_ids=[7], logprobs=[entries(7)])],
            prompt_logprobs=None if place else [None, *map(entries, PROMPT[1:])],
            num_cached_tokens=0,
            metrics=None,
        )


async def test_a_prompts_logprobs_are_sent_once_in_parts_before_the_deltas(metrics, codec):
    channel = EventChannel(asyncio.get_running_loop())
    state = SequenceState(
        0,
        max_tokens=3,
        end_ids=frozenset(),
        stops=StopMatcher(()),
        detokenizer=Detokenizer(codec.vocabulary),
    )
    sequence = VllmSequence(
        outputs(), state, prompt=PROMPT, top=0, channel=channel, metrics=metrics, teller=PromptTeller(str)
    )
    await sequence.follow(lambda: None)
    channel.send(finished=Finished((), Usage(1), Timings()))
    *parts, delta, _ = [event async for event in channel.events()]
    assert all(isinstance(part, PromptLogprobs) for part in parts)
    assert [entry.token_id for part in parts for entry in part.tokens] == list(PROMPT[1:])
    assert max(len(part.tokens) for part in parts) <= 256
    assert delta.token_ids == (7, 7, 7)
