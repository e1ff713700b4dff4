"""diffusers behind a queue, in a process of its own: requests come as lines of JSON, and answers go as such.

The first line tells the number type and layout that make a full batch fastest here, of those it was told to try, and
which it keeps. Nothing but a pipe lies between it and who asks, and its images go into no file: both in its favour.
"""

import argparse
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from benchmarks.image.batches import POLICIES, Queue
from benchmarks.image.requests import Request, drawn
from benchmarks.peers.protocol import say

# Makes the images of a batch, all in so many steps.
Draw = Callable[[Sequence[Request], int], Any]
# When a line came, and the line; None after the last.
Inbox = queue.SimpleQueue[tuple[float, str] | None]


def load(folder: Path, variant: str, device: str) -> Any:
    """The pipeline in a number type and, after a space, a memory format: "float32 channels_last"."""
    dtype, _, layout = variant.partition(" ")
    pipe = DiffusionPipeline.from_pretrained(
        folder, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True
    ).to(device)
    pipe.set_progress_bar_config(disable=True)
    if layout:
        for part in (pipe.unet, pipe.vae):
            part.to(memory_format=getattr(torch, layout))
    return pipe


def draw(pipe: Any, guidance_scale: float, batch: Sequence[Request], steps: int) -> Any:
    """PIL images, each from its own seed."""
    return pipe(
        [request.prompt for request in batch],
        num_inference_steps=steps,
        guidance_scale=guidance_scale,
        generator=[torch.Generator().manual_seed(request.seed) for request in batch],
    ).images


def seconds(drawing: Draw, rows: int, steps: int) -> float:
    """What a batch takes: the best of three, after one of two steps."""
    batch, found = drawn(rows, (steps,), seed=0), []
    drawing(batch, 2)
    for _ in range(3):
        begun = time.perf_counter()
        drawing(batch, steps)
        found.append(time.perf_counter() - begun)
    return min(found)


def serve(drawing: Draw, waiting: Queue[tuple[int, Request]], inbox: Inbox) -> None:
    """Answer until the inbox ends: id, rows of the batch it was in, and steps that the batch took."""
    while True:
        for arrival in _arrived(inbox, waiting.wait_s(time.monotonic())):
            if arrival is None:
                return
            since, line = arrival
            asked = json.loads(line)
            request = Request(asked["prompt"], asked["steps"], asked["seed"])
            waiting.add((asked["id"], request), request.steps, since)
        if waiting.wait_s(time.monotonic()) == 0:
            ids, batch = zip(*waiting.take(), strict=True)
            steps = max(request.steps for request in batch)
            drawing(batch, steps)
            for number in ids:
                say(id=number, rows=len(batch), steps=steps)


def reading(lines: Iterable[str]) -> Inbox:
    """An inbox that a thread of its own fills."""
    inbox: Inbox = queue.SimpleQueue()

    def read() -> None:
        for line in lines:
            inbox.put((time.monotonic(), line))
        inbox.put(None)

    threading.Thread(target=read, daemon=True).start()
    return inbox


def _arrived(inbox: Inbox, wait_s: float | None) -> Iterator[tuple[float, str] | None]:
    try:
        yield inbox.get(timeout=wait_s)
        while True:
            yield inbox.get_nowait()
    except queue.Empty:
        return


def main() -> None:
    """Be a peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True, help="folder of a StableDiffusionPipeline")
    parser.add_argument("--policy", choices=POLICIES, required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--guidance-scale", type=float, required=True)
    parser.add_argument("--steps", type=int, required=True, help="of the batches that are tried")
    asked = parser.parse_args()
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()  # captions are longer than a tokenizer of letters takes
        logging.disable_progress_bar()
    torch.set_num_threads(asked.threads)
    policy, tried = POLICIES[asked.policy], {}

    def drawing(variant: str) -> Draw:
        return partial(draw, load(asked.model, variant, asked.device), asked.guidance_scale)

    if len(asked.variants) > 1:
        for variant in asked.variants:
            tried[variant] = round(seconds(drawing(variant), policy.most, asked.steps), 3)
    best = min(asked.variants, key=lambda variant: tried.get(variant, 0.0))
    chosen = drawing(best)
    say(variant=best, batch_s=tried)
    serve(chosen, Queue(policy), reading(sys.stdin))


if __name__ == "__main__":
    main()
