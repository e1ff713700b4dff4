"""OpenVINO GenAI's ContinuousBatchingPipeline, in bfloat16 or with its weights in int8 (NNCF)."""

import time
from argparse import Namespace
from collections import defaultdict
from pathlib import Path

import numpy as np
from openvino import Tensor
from openvino_genai import ContinuousBatchingPipeline, GenerationConfig, SchedulerConfig

from benchmarks.peers.protocol import PART, STREAMS, Answer, Batch, main

CACHE_GB = 1


def prepare(folder: Path, dtype: str) -> None:
    """Convert the model and its tokenizer, if that has not been done."""
    from openvino import save_model
    from openvino_tokenizers import convert_tokenizer
    from optimum.intel import OVModelForCausalLM
    from transformers import AutoTokenizer

    target = _converted(folder, dtype)
    if (target / "openvino_tokenizer.xml").exists():
        return
    model = OVModelForCausalLM.from_pretrained(
        folder, export=True, load_in_8bit=dtype == "int8", compile=False
    )
    model.save_pretrained(target)
    tokenizer, detokenizer = convert_tokenizer(AutoTokenizer.from_pretrained(folder), with_detokenizer=True)
    save_model(detokenizer, target / "openvino_detokenizer.xml")
    save_model(tokenizer, target / "openvino_tokenizer.xml")


def build(asked: Namespace) -> Batch:
    """The pipeline, with the products in bfloat16 and all else as it comes."""
    scheduler = SchedulerConfig()
    scheduler.cache_size = CACHE_GB
    scheduler.max_num_batched_tokens = PART
    scheduler.max_num_seqs = max(STREAMS)
    scheduler.enable_prefix_caching = False
    pipeline = ContinuousBatchingPipeline(
        str(_converted(asked.model, asked.dtype)), scheduler, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"}
    )

    def batch(prompts: list[list[int]], tokens: int) -> list[Answer]:
        begun = time.perf_counter()
        config = GenerationConfig(
            max_new_tokens=tokens, min_new_tokens=tokens, ignore_eos=True, do_sample=False
        )
        handles = [
            pipeline.add_request(place, Tensor(np.array([ids], dtype=np.int64)), config)
            for place, ids in enumerate(prompts)
        ]
        answers: defaultdict[int, list[int]] = defaultdict(list)
        firsts: dict[int, float] = {}
        while pipeline.has_non_finished_requests():
            pipeline.step()
            for place, handle in enumerate(handles):
                while handle.can_read():
                    (output,) = handle.read().values()
                    firsts.setdefault(place, time.perf_counter() - begun)
                    answers[place] += output.generated_ids
        return [Answer(answers[place], firsts[place]) for place in range(len(prompts))]

    return batch


def _converted(folder: Path, dtype: str) -> Path:
    return folder.with_name(f"openvino-{dtype}")


if __name__ == "__main__":
    main(("openvino", "openvino-genai", "optimum-intel", "nncf"), build, prepare)
