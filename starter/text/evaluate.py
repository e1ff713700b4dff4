"""Measures the language model on held-out names, prose and stories; prints and writes JSON.

Run at the repository's root: `python -m starter.text.evaluate [--out FILE]`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import track
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from . import prose
from .data import ABSTENTION, Example, sample_quote, sample_small_talk
from .encoding import prompt_of
from .stories import sample_story
from .tokenizer import load

MODEL = Path(__file__).parent / "model"
# Written by hand, in words and of a form that the training text does not have.
BY_HAND = (
    (
        "Which port does the gateway listen on?",
        "The gateway listens on port 50050. It proxies every other service.",
        0,
    ),
    ("How long is the grace period?", "Draining is graceful. The grace period is 20 seconds by default.", 1),
    ("Where are snapshots kept?", "Collections live in SQLite. Snapshots are kept in the data directory.", 1),
    ("What does make demo do?", "make demo starts the four services. make test runs all tests.", 0),
    ("Which index does retrieval use?", "Images are PNG files. Retrieval uses a flat FAISS index.", 1),
    ("Who wrote the scheduler?", "The scheduler was written by Mara Lindqvist in Uppsala. It is pure.", 0),
    ("What is reciprocal rank fusion?", "Reciprocal rank fusion joins two rankings. Tokens are streamed.", 0),
    ("How are errors reported?", "Health is watched. Errors are reported as google.rpc.Status.", 1),
    (
        "When does a cancelled request leave the batch?",
        "A cancelled request leaves the batch at once. Seeds are kept.",
        0,
    ),
    ("What are the weights stored as?", "The cache has blocks. Weights are stored as safetensors only.", 1),
)


def generate(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompt: str, limit: int = 120
) -> str:
    """The greedy continuation of `prompt`, without special tokens."""
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False
        )
    text: str = tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return text


def quoting(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, examples: list[Example], name: str
) -> dict[str, float]:
    """Shares of answerable and of unanswerable questions that are answered as they should be."""
    exact = cited = grounded = answerable = abstained = unanswerable = 0
    for example in track(examples, description=name):
        answer = generate(model, tokenizer, prompt_of(example, tokenizer))
        if example.source is None:
            unanswerable += 1
            abstained += answer == ABSTENTION
            continue
        answerable += 1
        exact += answer == example.answer
        quote, _, citation = answer.rpartition(" ")
        cited += citation == f"[{example.source[0] + 1}]"
        number = re.fullmatch(r"\[(\d)\]", citation)
        index = int(number[1]) - 1 if number else -1
        grounded += 0 <= index < len(example.passages) and quote in example.passages[index].text
    return {
        "answerable": answerable,
        "exact_match": round(exact / max(1, answerable), 3),
        "citation_accuracy": round(cited / max(1, answerable), 3),
        "quote_is_in_cited_passage": round(grounded / max(1, answerable), 3),
        "unanswerable": unanswerable,
        "abstention": round(abstained / max(1, unanswerable), 3),
    }


def perplexity(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[str]
) -> dict[str, float]:
    """Perplexity per token, and bits per byte, which do not depend on the vocabulary."""
    nats, tokens, size = 0.0, 0, 0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(ids).logits
        nats += float(F.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum"))
        tokens += ids.shape[1] - 1
        size += len(text.encode())
    return {
        "perplexity": round(math.exp(nats / tokens), 2),
        "bits_per_byte": round(nats / math.log(2) / size, 3),
    }


def by_hand(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    """The hand-written questions, each over its one passage."""
    right, answers = 0, {}
    for question, passage, sentence in BY_HAND:
        messages = [{"role": "user", "content": question}]
        documents = [{"title": "Notes", "text": passage}]
        prompt = tokenizer.apply_chat_template(
            messages, documents=documents, add_generation_prompt=True, tokenize=False
        )
        answers[question] = generate(model, tokenizer, prompt)
        right += answers[question] == re.split(r"(?<=\.) ", passage)[sentence] + " [1]"
    return {"questions": len(BY_HAND), "exact_match": right / len(BY_HAND), "answers": answers}


def evaluate(folder: Path = MODEL, *, count: int = 200) -> dict[str, object]:
    """All figures of the model card."""
    tokenizer = load(folder)
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    rng = random.Random("evaluation")
    short = [sample_quote(rng, held_out=True, max_sentences=8) for _ in range(count)]
    # Ordinary words among the made-up ones, and mostly a system prompt such as the gateway's.
    long = [
        sample_quote(rng, held_out=True, max_sentences=24, real_words=True, instructed=True)
        for _ in range(count // 2)
    ]
    talk = [sample_small_talk(rng) for _ in range(count // 2)]
    right = sum(
        generate(model, tokenizer, prompt_of(e, tokenizer)) == e.answer for e in track(talk, "small talk")
    )
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "quoting_2_to_8_sentences": quoting(model, tokenizer, short, "quoting, short"),
        "quoting_2_to_24_sentences": quoting(model, tokenizer, long, "quoting, long"),
        "small_talk_exact_match": round(right / len(talk), 3),
        "stories": perplexity(model, tokenizer, [sample_story(rng) for _ in range(100)]),
        "held_out_python_reference": perplexity(
            model, tokenizer, [" ".join(p) for p in prose.split(held_out=True)]
        ),
        "by_hand": by_hand(model, tokenizer),
    }


def write(folder: Path, out: Path) -> None:
    """Print the figures of the model in `folder` and write them to `out`."""
    figures = json.dumps(evaluate(folder), indent=2, ensure_ascii=False)
    out.write_text(figures + "\n", encoding="utf-8")
    print(figures)


def main() -> None:
    """Evaluate the shipped model, or the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "evaluation.json")
    options = parser.parse_args()
    write(options.model, options.out)


if __name__ == "__main__":
    main()
