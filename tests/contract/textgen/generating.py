"""Asking a Generator, and what its events amount to."""

import asyncio
from contextlib import aclosing

from textgen.domain import Delta, Finished, GenerationTask, Sampling

PROMPTS = ["Quadrille is", "The gateway answers from", "A red circle", "To stop the server, press"]


def task(served, prompt, *, max_tokens=12, seed=0, priority=0, deadline=None, **rules):
    ids = tuple(served.model.codec.encode(prompt)) if isinstance(prompt, str) else tuple(prompt)
    return GenerationTask(ids, Sampling(**rules), max_tokens, seed, "request", priority, deadline)


async def events_of(served, request):
    async with aclosing(served.model.generator.generate(request)) as events:
        return [event async for event in events]


async def run(served, request):
    *deltas, finished = await events_of(served, request)
    assert isinstance(finished, Finished)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return deltas, finished


def tokens(deltas, index=0):
    return [token for delta in deltas if delta.index == index for token in delta.token_ids]


def text(deltas, index=0):
    return "".join(delta.text for delta in deltas if delta.index == index)


async def generate(served, prompt, **options):
    deltas, finished = await run(served, task(served, prompt, **options))
    return text(deltas), tokens(deltas), finished


async def running(served, count, metric="requests_running"):
    """Whether so many sequences come to run."""
    for _ in range(500):
        if served.value(metric) == count:
            return True
        await asyncio.sleep(0.01)
    return False
