"""Our own engine in process, as the server assembles it but without gRPC: what the door adds is the difference."""

import asyncio
import time
from contextlib import aclosing
from functools import partial
from pathlib import Path

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

from benchmarks.peers.protocol import ANSWER, PROMPT, STREAMS, Answer, Batch, main

MODEL = "llama"
# As many sequences as ask at once, and what they hold. All else as it comes.
LIMITS = {"max_batch_size": max(STREAMS), "max_batch_tokens": max(STREAMS) * (PROMPT + ANSWER)}


def build(folder: Path, dtype: str) -> Batch:
    """The engine over bfloat16 weights, or those in int8."""
    settings = TextgenSettings(models=(f"{MODEL}={folder}",), dtype="bfloat16")
    limits = Limits(**LIMITS, max_prefill_tokens=settings.max_prefill_tokens)
    worker, metrics = DeviceWorker(), TextMetrics(CollectorRegistry())
    assembler = Assembler(
        worker, limits, settings.max_waiting, settings.max_waiting_tokens, metrics, meter=None
    )
    options = LoadOptions(torch.bfloat16, torch.device("cpu"), int8=dtype == "int8")
    load = partial(load_checkpoint, MODEL, str(folder), options)
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
