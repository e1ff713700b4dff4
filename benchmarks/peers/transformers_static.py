"""transformers' `generate`: one batch that begins and ends together."""

import time
from argparse import Namespace
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

from benchmarks.peers.protocol import Answer, Batch, main


class _Clock(BaseStreamer):  # type: ignore[misc]
    """When the first tokens came; `generate` puts the prompts first."""

    def __init__(self) -> None:
        self.puts: list[float] = []

    def put(self, value: Any) -> None:
        self.puts.append(time.perf_counter())

    def end(self) -> None:
        pass


def build(asked: Namespace) -> Batch:
    """The model in bfloat16."""
    model = AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.bfloat16).to(asked.device).eval()

    def batch(prompts: list[list[int]], tokens: int) -> list[Answer]:
        begun, clock = time.perf_counter(), _Clock()
        ids = torch.tensor(prompts, device=asked.device)
        found = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
            streamer=clock,
        )
        first = clock.puts[1] - begun
        return [Answer(row, first) for row in found[:, ids.shape[1] :].tolist()]

    return batch


if __name__ == "__main__":
    main(("transformers", "torch"), build)
