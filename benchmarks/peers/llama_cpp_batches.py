"""llama.cpp in process, through its batches: prompts first, then a token of every sequence a step. BF16 or Q8_0."""

import os
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import llama_cpp as llama
import numpy as np

from benchmarks.peers.gguf_file import write
from benchmarks.peers.protocol import ANSWER, PART, PROMPT, STREAMS, VOCABULARY, Answer, Batch, main

QUIET = llama.llama_log_callback(lambda level, text, data: None)


def prepare(folder: Path, dtype: str) -> None:
    """Write the GGUF file, if that has not been done."""
    if not _file(folder, dtype).exists():
        write(folder, _file(folder, dtype), int8=dtype == "int8")


def build(asked: Namespace) -> Batch:
    """Model and context for the most sequences at once. RuntimeError where llama.cpp refuses them."""
    llama.llama_backend_init()
    llama.llama_log_set(QUIET, None)
    model = llama.llama_model_load_from_file(
        str(_file(asked.model, asked.dtype)).encode(), llama.llama_model_default_params()
    )
    wanted = llama.llama_context_default_params()
    wanted.n_seq_max = max(STREAMS)
    wanted.n_ctx = max(STREAMS) * (PROMPT + ANSWER)
    wanted.n_batch = PART
    wanted.n_threads = wanted.n_threads_batch = os.cpu_count()
    context = llama.llama_init_from_model(model, wanted)
    if context is None:
        raise RuntimeError(f"llama.cpp does not take {_file(asked.model, asked.dtype)}")
    batch = llama.llama_batch_init(PART, 0, 1)

    def compute(rows: list[tuple[int, int, int, bool]]) -> dict[int, int]:
        """Rows of token, position, sequence, and whether it chooses; the likeliest token of each that does."""
        batch.n_tokens = len(rows)
        for place, (token, position, sequence, chooses) in enumerate(rows):
            batch.token[place], batch.pos[place] = token, position
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, sequence
            batch.logits[place] = chooses
        if llama.llama_decode(context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        return {row[2]: _likeliest(context, place) for place, row in enumerate(rows) if row[3]}

    def answer(prompts: list[list[int]], tokens: int) -> list[Answer]:
        begun, firsts = time.perf_counter(), {}
        answers: list[list[int]] = [[] for _ in prompts]
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        at_once = PART // PROMPT
        for start in range(0, len(prompts), at_once):
            rows = [
                (token, position, sequence, position == len(prompts[sequence]) - 1)
                for sequence in range(start, min(start + at_once, len(prompts)))
                for position, token in enumerate(prompts[sequence])
            ]
            for sequence, token in compute(rows).items():
                answers[sequence].append(token)
                firsts[sequence] = time.perf_counter() - begun
        for step in range(tokens - 1):
            chosen = compute(
                [(said[-1], len(prompts[place]) + step, place, True) for place, said in enumerate(answers)]
            )
            for sequence, token in chosen.items():
                answers[sequence].append(token)
        return [Answer(said, firsts[place]) for place, said in enumerate(answers)]

    return answer


def _likeliest(context: Any, place: int) -> int:
    logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, place), (VOCABULARY,))
    return int(logits.argmax())


def _file(folder: Path, dtype: str) -> Path:
    return folder.with_name(f"llama-{dtype}.gguf")


if __name__ == "__main__":
    main(("llama-cpp-python",), build, prepare)
