"""What fewer bits cost a trained model: the starter decoder's loss and answers, by number type and kernels."""

import math
import random
from collections.abc import Sequence
from typing import Any, Literal

import torch
from textgen.domain import Sampling
from textgen.models.base import RowSpec
from textgen.models.decoder import Decoder, Network
from textgen.models.int8 import quantise
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_network import TorchNetwork
from textgen.scheduler import Entry, Limits, Scheduler
from transformers import LlamaForCausalLM

from benchmarks.report import Ratio, Report
from starter.folder import load_tokenizer
from starter.text import prose
from starter.text.encoding import prompt_of
from starter.text.evaluate import GROUNDED, MODEL, judged
from starter.text.grounded import Example, sample_grounded

PARAGRAPHS, QUESTIONS, ANSWER = 400, 100, 96  # held-out texts, questions of a kind, tokens of an answer
KINDS = ("entities", "templates", "relations", "sentences")  # whose answer is in the passages
LIMITS = Limits(max_batch_size=16, max_batch_tokens=16384, max_prefill_tokens=256)
REFERENCE = "torch float32"
# Name, number type, int8 weights, kernels of our own.
VARIANTS = (
    (REFERENCE, torch.float32, False, False),
    ("torch float32, int8 weights", torch.float32, True, False),
    ("torch bfloat16", torch.bfloat16, False, False),
    ("torch bfloat16, int8 weights", torch.bfloat16, True, False),
    ("kernels bfloat16", torch.bfloat16, False, True),
    ("kernels int8", torch.bfloat16, True, True),
)
# Of a variant's figure to the reference's.
GOALS: dict[str, tuple[float, Literal["higher", "lower"]]] = {
    "perplexity": (1.01, "lower"),
    "exact_match": (0.98, "higher"),
}


def network_of(dtype: torch.dtype, *, int8: bool, kernels: bool) -> Network:
    """The starter model in a number type. RuntimeError where kernels are asked for and can't be built."""
    model = LlamaForCausalLM.from_pretrained(MODEL, dtype=dtype).eval().requires_grad_(False)
    if kernels:
        if (reason := unfit(model)) is not None:
            raise RuntimeError(reason)
        return NativeNetwork(model, blocks=LIMITS.blocks, int8=int8)
    if int8:
        quantise(model)
    return TorchNetwork(model, blocks=LIMITS.blocks)


@torch.inference_mode()
def read(network: Network, texts: Sequence[Sequence[int]]) -> tuple[float, list[int]]:
    """Perplexity by token of the texts' tokens after the first, and what was likeliest at each place."""
    nats, likeliest = 0.0, list[int]()
    for ids in texts:
        scores = network.compute_alone([ids], range(len(ids) - 1)).float().log_softmax(-1)
        nats -= float(scores.gather(1, torch.tensor(ids[1:])[:, None]).double().sum())
        likeliest += scores.argmax(-1).tolist()
    return math.exp(nats / len(likeliest)), likeliest


def answers(network: Network, prompts: Sequence[Sequence[int]], end: int) -> list[list[int]]:
    """The greedy answers, as our own scheduler batches them."""
    scheduler, runner = Scheduler(LIMITS), Decoder(network, start_token=None)
    said: list[list[int]] = [[] for _ in prompts]
    for place, prompt in enumerate(prompts):
        scheduler.add(Entry((place, 0), prompt, ANSWER))
    while scheduler.waiting or scheduler.running:
        plan = scheduler.plan(0.0)
        for place, index in plan.joined:
            runner.join(RowSpec((place, index), tuple(prompts[place]), Sampling(temperature=0), seed=0))
        runner.copy(plan.copies)
        chosen = runner.step(plan.spans).chosen
        for span in plan.spans:
            tokens = chosen.get(span.key, ())
            if isinstance(tokens, Exception):
                raise tokens
            scheduler.complete(span, [sampled.token_id for sampled in tokens])
            said[span.key[0]] += [sampled.token_id for sampled in tokens]
            if said[span.key[0]] and (said[span.key[0]][-1] == end or len(said[span.key[0]]) == ANSWER):
                scheduler.remove([span.key])
                runner.drop([span.key])
    return said


def questions() -> list[Example]:
    """QUESTIONS of each kind that training held out, then as many that have no answer."""
    drawn = []
    for kind in (*KINDS, "unanswerable"):
        rng = random.Random(f"evaluation {kind}")
        drawn += [sample_grounded(rng, GROUNDED[kind]) for _ in range(QUESTIONS)]
    return drawn


def measure() -> Report:
    """Perplexity on held-out prose, answers that are right, and agreement with float32."""
    tokenizer, report, examples = load_tokenizer(MODEL), Report("quality"), questions()
    texts = [tokenizer(" ".join(paragraph)).input_ids for paragraph in prose.split(held_out=True)]
    prompts = [tokenizer(prompt_of(example, tokenizer)).input_ids for example in examples]
    likeliest: dict[str, list[int]] = {}
    said: dict[str, list[list[int]]] = {}
    for name, dtype, int8, kernels in VARIANTS:
        try:
            network = network_of(dtype, int8=int8, kernels=kernels)
        except RuntimeError as error:
            report.rows.append({"network": name, "absent": str(error)})
            continue
        perplexity, likeliest[name] = read(network, texts[:PARAGRAPHS])
        said[name] = answers(network, prompts, tokenizer.eos_token_id)
        spelt = tokenizer.batch_decode(said[name], skip_special_tokens=True)
        report.rows.append(
            {
                "network": name,
                "tokens": len(likeliest[name]),
                "perplexity": round(perplexity, 3),
                "same_next_token": shared(likeliest[name], likeliest[REFERENCE]),
                "questions": len(examples),
                "exact_match": judged(examples[:-QUESTIONS], spelt[:-QUESTIONS])["exact_match"],
                "abstention": judged(examples[-QUESTIONS:], spelt[-QUESTIONS:])["abstention"],
                "same_answer": shared(said[name], said[REFERENCE]),
            }
        )
    report.ratios = ratios(report.rows)
    return report


def shared(found: Sequence[object], wanted: Sequence[object]) -> float:
    """Share of places at which two lists are alike."""
    return round(sum(a == b for a, b in zip(found, wanted, strict=True)) / len(wanted), 4)


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, Ratio]:
    """Of each variant that was measured to the reference."""
    measured = {row["network"]: row for row in rows if "absent" not in row}
    found = {}
    for name, row in measured.items():
        if name != REFERENCE:
            label = name.replace(",", "").replace(" ", "_")
            for figure, (goal, better) in GOALS.items():
                value = row[figure] / measured[REFERENCE][figure]
                found[f"{label}_{figure}_to_float32"] = Ratio(round(value, 4), goal, better)
    return found
