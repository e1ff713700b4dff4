"""One step of a decoder, without service or scheduler: the kernels that are built here, beside torch's."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from textgen.models.decoder import Network
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_network import TorchNetwork
from textgen.scheduler import Span
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.report import Ratio, Report

# Of 135 million parameters, as SmolLM's; random weights, since only their number matters.
SHAPE = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
CONTEXT, PROMPT, BLOCKS = (
    192,
    128,
    16,
)  # tokens before a decoding step, tokens of a prompt, blocks of a sequence
SEQUENCES = (1, 8, 32)
REPEATS = 15


def spans(count: int, start: int, tokens: int) -> list[Span]:
    """Of `count` sequences, each `tokens` tokens from `start` on."""
    tables = [tuple(range(place * BLOCKS, (place + 1) * BLOCKS)) for place in range(count)]
    return [Span((place, 0), [5] * tokens, start, table, chooses=True) for place, table in enumerate(tables)]


def median_ms(pass_: Callable[[], object], repeats: int = REPEATS) -> float:
    """Milliseconds of a pass; the first two are not counted."""
    taken = []
    for _ in range(repeats + 2):
        begun = time.perf_counter()
        pass_()
        taken.append((time.perf_counter() - begun) * 1e3)
    return sorted(taken[2:])[repeats // 2]


@torch.inference_mode()
def measure() -> Report:
    """Milliseconds a step, by network and number of sequences. RuntimeError where the kernels can't be built."""
    report = Report("decoder")
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE)).bfloat16().eval()
    if (reason := unfit(model)) is not None:
        raise RuntimeError(f"nothing to measure: {reason}")
    blocks = max(SEQUENCES) * BLOCKS
    # The kernels pack their own copy; torch's network takes the model as it is, and so comes last.
    networks: dict[str, Network] = {
        "kernels bfloat16": NativeNetwork(model, blocks=blocks),
        "kernels int8": NativeNetwork(model, blocks=blocks, int8=True),
        "torch bfloat16": TorchNetwork(model, blocks=blocks),
    }
    found: dict[tuple[str, str, int], float] = {}
    for count in SEQUENCES:
        for name, network in networks.items():
            network.compute(spans(count, 0, CONTEXT), [])
            passes: dict[str, tuple[Sequence[Span], list[int]]] = {
                "decode": (spans(count, CONTEXT, 1), list(range(count))),
                "prefill": (spans(count, 0, PROMPT), [count * PROMPT - 1]),
            }
            for phase, (planned, wanted) in passes.items():
                repeats = REPEATS if phase == "decode" else 3
                milliseconds = median_ms(partial(network.compute, planned, wanted), repeats)
                tokens = sum(len(span.tokens) for span in planned)
                found[name, phase, count] = milliseconds
                report.rows.append(
                    {
                        "network": name,
                        "phase": phase,
                        "sequences": count,
                        "step_ms": round(milliseconds, 2),
                        "tokens_per_s": round(tokens / milliseconds * 1e3),
                    }
                )
    for phase in ("decode", "prefill"):
        for count in SEQUENCES:
            ratio = found["torch bfloat16", phase, count] / found["kernels bfloat16", phase, count]
            report.ratios[f"{phase}_{count}_torch_to_kernels"] = Ratio(round(ratio, 2), 1.5, "higher")
    return report
