"""Measures the language model on what training never saw; prints and writes JSON.

Run at the repository's root: `python -m starter.text.evaluate [--out FILE] [--xquad FILE]`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.progress import track
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from . import prose, xquad
from .byhand import BY_HAND
from .data import MOST_SHOTS, sample_small_talk
from .encoding import prompt_of
from .generating import generate, perplexity
from .grounded import ABSTENTION, Draw, Example, sample_grounded
from .stories import sample_story
from .tasks import sample_few_shot
from .tokenizer import load

MODEL = Path(__file__).parent / "model"
FACTS = Draw(held_out=True, facts=1.0, max_sentences=12, real_words=True, instructed=True)
# What a question can be held out by; names and prose are held out in all of them.
GROUNDED = {
    "entities": FACTS,
    "templates": replace(FACTS, held_out_templates=True),
    "relations": replace(FACTS, held_out_relations=True),
    "sentences": replace(FACTS, facts=0.0),
    "long": replace(FACTS, facts=0.5, max_sentences=32),
}


class Judge:
    """Answers of one model, judged."""

    def __init__(self, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model = model
        self._tokenizer = tokenizer

    def answer(self, example: Example) -> str:
        """The model's answer."""
        return generate(self._model, self._tokenizer, prompt_of(example, self._tokenizer))

    def grounded(self, examples: Iterable[Example]) -> dict[str, float]:
        """Shares of answerable and of unanswerable questions that are answered as they should be."""
        exact = cited = wrongly_abstained = answerable = abstained = unanswerable = 0
        for example in examples:
            answer = self.answer(example)
            if example.source is None:
                unanswerable += 1
                abstained += answer == ABSTENTION
                continue
            answerable += 1
            words, citation = split_citation(answer)
            exact += words == example.copied
            cited += citation == example.source[0] + 1
            wrongly_abstained += answer == ABSTENTION
        return {
            "answerable": answerable,
            "exact_match": _share(exact, answerable),
            "citation": _share(cited, answerable),
            "false_abstention": _share(wrongly_abstained, answerable),
            "unanswerable": unanswerable,
            "abstention": _share(abstained, unanswerable),
        }

    def few_shot(self, shots: int, count: int, *, held_out_task: bool) -> float:
        """Share of right answers after `shots` examples; the words are held out."""
        rng = random.Random(f"few shot {shots} {held_out_task}")
        right = 0
        for _ in range(count):
            item = sample_few_shot(rng, shots, held_out=True, held_out_task=held_out_task)
            said = generate(self._model, self._tokenizer, item.prompt, limit=48)
            right += said == item.answer or said.startswith(item.answer + item.items[-1][2])
        return _share(right, count)

    def xquad(self, path: Path, most: int) -> dict[str, float]:
        """Exact match and F1 on real questions, the answer in the passage; the first `most` of a shuffle."""
        questions = xquad.load(path)
        random.Random("xquad").shuffle(questions)
        answers = [
            (split_citation(self.answer(example))[0], right)
            for example, right in track(questions[:most], "xquad")
        ]
        return {
            "questions": len(answers),
            "exact_match": _share(sum(xquad.exact_match(*pair) for pair in answers), len(answers)),
            "f1": _share(sum(xquad.f1(*pair) for pair in answers), len(answers)),
        }


def split_citation(answer: str) -> tuple[str, int | None]:
    """An answer's words and the passage that it cites, from 1."""
    match = re.fullmatch(r"(.*) \[(\d+)\]", answer, re.DOTALL)
    return (match[1], int(match[2])) if match else (answer, None)


def _share(part: float, whole: int) -> float:
    return round(part / max(1, whole), 3)


def evaluate(folder: Path = MODEL, *, count: int = 200, xquad_file: Path | None = None) -> dict[str, object]:
    """All figures of the model card."""
    tokenizer = load(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype="float32").eval()
    judge = Judge(model, tokenizer)
    figures: dict[str, object] = {"parameters": sum(p.numel() for p in model.parameters())}
    for name, draw in GROUNDED.items():
        rng = random.Random(f"evaluation {name}")
        examples = [sample_grounded(rng, draw) for _ in range(count)]
        figures[f"grounded_{name}"] = judge.grounded(track(examples, f"grounded, {name}"))
    rng = random.Random("evaluation")
    talk = [sample_small_talk(rng) for _ in range(count // 2)]
    figures["small_talk_exact_match"] = _share(
        sum(judge.answer(e) == e.answer for e in track(talk, "small talk")), len(talk)
    )
    for held_out_task in (False, True):
        figures["few_shot_new_tasks" if held_out_task else "few_shot"] = {
            shots: judge.few_shot(shots, count // 4, held_out_task=held_out_task)
            for shots in track((0, 1, 2, 4, MOST_SHOTS), "few-shot")
        }
    figures["stories"] = perplexity(model, tokenizer, [sample_story(rng) for _ in range(100)])
    held_out = [" ".join(paragraph) for paragraph in prose.split(held_out=True)]
    figures["held_out_prose"] = perplexity(model, tokenizer, held_out)
    answers = {example.messages[-1][1]: judge.answer(example) for example in BY_HAND}
    right = sum(answers[example.messages[-1][1]] == example.answer for example in BY_HAND)
    figures["by_hand"] = {"exact_match": _share(right, len(BY_HAND)), "answers": answers}
    if xquad_file is not None:
        figures["xquad"] = judge.xquad(xquad_file, 2 * count)
    return figures


def write(folder: Path, out: Path, *, count: int = 200, xquad_file: Path | None = None) -> None:
    """Print the figures of the model in `folder` and write them to `out`."""
    figures = json.dumps(evaluate(folder, count=count, xquad_file=xquad_file), indent=2, ensure_ascii=False)
    out.write_text(figures + "\n", encoding="utf-8")
    print(figures)


def main() -> None:
    """Evaluate the shipped model, or the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "evaluation.json")
    parser.add_argument("--count", type=int, default=200, help="questions of each kind")
    parser.add_argument("--xquad", type=Path, help="xquad.en.json, for the figures on real questions")
    options = parser.parse_args()
    write(options.model, options.out, count=options.count, xquad_file=options.xquad)


if __name__ == "__main__":
    main()
