"""Measures the language model on what training never saw: `python -m starter.text.evaluate`."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from starter.folder import load_tokenizer
from starter.generating import generate

from . import prose, sliding, xquad
from .byhand import BY_HAND
from .data import MOST_SHOTS, sample_small_talk
from .encoding import prompt_of
from .grounded import ABSTENTION, Draw, Example, sample_grounded
from .model import Decoder
from .perplexity import perplexity
from .stories import sample_story
from .tasks import FewShot, sample_few_shot

MODEL = Path(__file__).parent / "model"
XQUAD = Path(__file__).parent / "questions" / "xquad.en.json"
FACTS = Draw(held_out=True, facts=1.0, max_sentences=12, real_words=True, instructed=True, answerable=1.0)
# What a question can be held out by; names and prose are held out in all of them.
GROUNDED = {
    "entities": FACTS,
    "templates": replace(FACTS, held_out_templates=True),
    "relations": replace(FACTS, held_out_relations=True),
    "sentences": replace(FACTS, facts=0.0),
    "long": replace(FACTS, facts=0.5, max_sentences=32),
    "unanswerable": replace(FACTS, facts=0.5, answerable=0.0),
}


class Judge:
    """Answers of one model, judged."""

    def __init__(self, model: Decoder, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model = model
        self._tokenizer = tokenizer

    def answers(self, examples: Sequence[Example]) -> list[str]:
        """The model's answers."""
        prompts = [prompt_of(example, self._tokenizer) for example in examples]
        return generate(self._model, self._tokenizer, prompts)

    def grounded(self, examples: Sequence[Example]) -> dict[str, float]:
        """Shares of questions with an answer in the passages that are answered, cited and refused."""
        return judged(examples, self.answers(examples))

    def few_shot(self, shots: int, count: int, *, held_out_task: bool) -> float:
        """Share of right answers after `shots` examples; the words are held out."""
        rng = random.Random(f"few shot {shots} {held_out_task}")
        items = [
            sample_few_shot(rng, shots, held_out=True, held_out_task=held_out_task) for _ in range(count)
        ]
        said = generate(self._model, self._tokenizer, [item.prompt for item in items], limit=48)
        return _share(sum(starts_with_answer(*pair) for pair in zip(said, items, strict=True)), count)

    def xquad(self, path: Path, most: int) -> dict[str, float]:
        """Exact match and F1 on real questions, the answer in the passage; the first `most` of a shuffle."""
        questions = xquad.load(path)
        random.Random("xquad").shuffle(questions)
        answers = self.answers([example for example, _ in questions[:most]])
        pairs = [
            (split_citation(answer)[0], right)
            for answer, (_, right) in zip(answers, questions[:most], strict=True)
        ]
        return {
            "questions": len(pairs),
            "exact_match": _share(sum(xquad.exact_match(*pair) for pair in pairs), len(pairs)),
            "f1": _share(sum(xquad.f1(*pair) for pair in pairs), len(pairs)),
        }


def judged(examples: Sequence[Example], answers: Sequence[str]) -> dict[str, float]:
    """Shares of questions with an answer in the passages that are answered, cited and refused; or of those without."""
    exact = cited = abstained = 0
    for example, answer in zip(examples, answers, strict=True):
        words, citation = split_citation(answer)
        abstained += answer == ABSTENTION
        if example.source is not None:
            exact += words == example.copied
            cited += citation == example.source[0] + 1
    if all(example.source is None for example in examples):
        return {"questions": len(examples), "abstention": _share(abstained, len(examples))}
    return {
        "questions": len(examples),
        "exact_match": _share(exact, len(examples)),
        "citation": _share(cited, len(examples)),
        "false_abstention": _share(abstained, len(examples)),
    }


def starts_with_answer(said: str, item: FewShot) -> bool:
    """Whether a continuation is the right answer, ended as the examples' answers are or with the text."""
    *_, (_, answer, after) = item.items
    return said.strip() == answer or said.lstrip().startswith(answer + after[0])


def split_citation(answer: str) -> tuple[str, int | None]:
    """An answer's words and the passage that it cites, from 1."""
    match = re.fullmatch(r"(.*) \[(\d+)\]", answer, re.DOTALL)
    return (match[1], int(match[2])) if match else (answer, None)


def _share(part: float, whole: int) -> float:
    return round(part / max(1, whole), 3)


def evaluate(folder: Path = MODEL, *, count: int = 200) -> dict[str, Any]:
    """All figures of the model card; `count` questions of each kind."""
    tokenizer = load_tokenizer(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype="float32").eval()
    judge = Judge(model, tokenizer)
    figures: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters())}
    for name, draw in GROUNDED.items():
        rng = random.Random(f"evaluation {name}")
        figures[f"grounded_{name}"] = judge.grounded([sample_grounded(rng, draw) for _ in range(count)])
    rng = random.Random("evaluation")
    talk = [sample_small_talk(rng) for _ in range(count // 2)]
    said = judge.answers(talk)
    figures["small_talk_exact_match"] = _share(
        sum(answer == example.answer for answer, example in zip(said, talk, strict=True)), len(talk)
    )
    for held_out_task in (False, True):
        figures["few_shot_new_tasks" if held_out_task else "few_shot"] = {
            shots: judge.few_shot(shots, count // 2, held_out_task=held_out_task)
            for shots in (0, 1, 2, 4, MOST_SHOTS)
        }
    figures["stories"] = perplexity(model, tokenizer, [sample_story(rng) for _ in range(100)])
    held_out = [" ".join(paragraph) for paragraph in prose.split(held_out=True)]
    figures["held_out_prose"] = perplexity(model, tokenizer, held_out[:400])
    figures["sliding_window_perplexity"] = sliding.figures(model, tokenizer, held_out)
    by_hand = judge.answers(BY_HAND)
    figures["by_hand"] = {
        "exact_match": _share(
            sum(answer == example.answer for answer, example in zip(by_hand, BY_HAND, strict=True)),
            len(BY_HAND),
        ),
        "answers": {e.messages[-1][1]: answer for e, answer in zip(BY_HAND, by_hand, strict=True)},
    }
    figures["xquad"] = judge.xquad(XQUAD, 2 * count)
    return figures


def main() -> None:
    """Print the figures of the shipped model, or of the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--count", type=int, default=200, help="questions of each kind")
    options = parser.parse_args()
    print(json.dumps(evaluate(options.model, count=options.count), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
