"""Our own engine in process, as the server assembles it but without gRPC: what the door adds is the difference."""

import asyncio
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

import torch
import uvloop
from prometheus_client import CollectorRegistry
from serving.threads import in_passing_thread
from textgen.assembly import Assembler
from textgen.config import TextgenSettings
from textgen.domain import Delta, GenerateRequest, Prompt, Sampling
from textgen.engine import Engine
from textgen.idempotency import Idempotency
from textgen.metrics import TextMetrics
from textgen.models.loading import LoadOptions, load_checkpoint
from textgen.registry import ModelRegistry
from textgen.scheduler import Limits
from textgen.worker import DeviceWorker

from benchmarks.peers.protocol import ANSWER, PARTS, PROMPT, STREAMS, Answer, Batch, main

MODEL = "llama"


def limits_of(streams: Sequence[int], device: str) -> dict[str, int]:
    """As many sequences as ask at once, and what they hold; on a GPU, prompts in large parts. All else as it comes."""
    most = max(streams)
    limits = {"max_batch_size": most, "max_batch_tokens": most * (PROMPT + ANSWER)}
    return limits if device == "cpu" else {**limits, "max_prefill_tokens": PARTS[device]}


LIMITS = limits_of(STREAMS, "cpu")


def build(asked: Namespace) -> Batch:
    """The engine over bfloat16 weights, or those in int8."""
    settings = TextgenSettings(models=(f"{MODEL}={asked.model}",), dtype="bfloat16")
    limits = Limits(
        **{"max_prefill_tokens": settings.max_prefill_tokens, **limits_of(asked.streams, asked.device)}
    )
    worker, metrics = DeviceWorker(), TextMetrics(CollectorRegistry())
    assembler = Assembler(
        worker,
        limits,
        settings.max_waiting,
        settings.max_waiting_tokens,
        metrics,
        meter=None,
        compiles=settings.compile,
    )
    options = LoadOptions(torch.bfloat16, torch.device(asked.device), int8=asked.dtype == "int8")
    load = partial(load_checkpoint, MODEL, str(asked.model), options)
    model = asyncio.run(in_passing_thread(lambda: assembler.assemble(load())))  # as the server does
    engine = Engine(ModelRegistry([model]), Idempotency(settings.replay_seconds))
    worker.start()
    loop = uvloop.new_event_loop()

    async def one(prompt: list[int], tokens: int, begun: float) -> Answer:
        said: list[int] = []
        first = None
        sampling = Sampling(temperature=0, max_tokens=tokens, ignore_eos=True)
        request = GenerateRequest(MODEL, Prompt(token_ids=tuple(prompt)), sampling, request_id="")
        async with aclosing(engine.generate(request)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    first = first or time.perf_counter() - begun
                    said += event.token_ids
        return Answer(said, first)

    async def together(prompts: list[list[int]], tokens: int) -> list[Answer]:
        begun = time.perf_counter()
        return await asyncio.gather(*(one(prompt, tokens, begun) for prompt in prompts))

    return lambda prompts, tokens: loop.run_until_complete(together(prompts, tokens))


if __name__ == "__main__":
    main(("torch", "quadrille"), build)
