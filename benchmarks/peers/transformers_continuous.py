"""transformers' continuous batching."""

import time
from argparse import Namespace

import torch
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig

from benchmarks.peers.protocol import ANSWER, PARTS, PROMPT, Answer, Batch, main

PAGE = 256  # tokens of a block: its default


def build(asked: Namespace) -> Batch:
    """The model in bfloat16, and a manager that runs until the process ends."""
    model = AutoModelForCausalLM.from_pretrained(
        asked.model, dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    model = model.to(asked.device).eval()
    # By itself it would take all memory for its blocks.
    manager = model.init_continuous_batching(
        generation_config=GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0),
        continuous_batching_config=ContinuousBatchingConfig(
            num_blocks=2 * max(asked.streams) * (PROMPT + ANSWER) // PAGE,
            max_batch_tokens=PARTS[asked.device],
            allow_block_sharing=False,
        ),
    )
    manager.start()

    def batch(prompts: list[list[int]], tokens: int) -> list[Answer]:
        begun = time.perf_counter()
        firsts: dict[str, float] = {}
        answers: dict[str, list[int]] = {}
        names = [manager.add_request(ids, max_new_tokens=tokens, streaming=True) for ids in prompts]
        while len(answers) < len(names):
            output = manager.get_result(timeout=1)
            if output is None:
                if not manager.is_running():
                    raise RuntimeError("continuous batching has ended by itself")
                continue
            if output.error is not None:
                raise RuntimeError(output.error)
            firsts.setdefault(output.request_id, time.perf_counter() - begun)
            if output.is_finished():
                answers[output.request_id] = output.generated_tokens
        return [Answer(answers[name], firsts[name]) for name in names]

    return batch


if __name__ == "__main__":
    main(("transformers", "torch"), build)
