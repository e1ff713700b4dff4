"""The shipped encoder-decoder is an ordinary T5 folder, and it answers what training never saw."""

import json
import random
from pathlib import Path

import pytest
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    T5ForConditionalGeneration,
)

from starter.generating import generate
from starter.seq2seq import evaluate
from starter.seq2seq.data import TASKS, sample_held_out
from starter.seq2seq.example import KINDS

FOLDER = Path(__file__).parents[3] / "starter" / "seq2seq" / "model"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> T5ForConditionalGeneration:
    return AutoModelForSeq2SeqLM.from_pretrained(FOLDER, use_safetensors=True, dtype="float32").eval()


def test_it_is_a_small_t5_in_safetensors_only(model: T5ForConditionalGeneration) -> None:
    assert type(model) is T5ForConditionalGeneration
    assert json.loads((FOLDER / "config.json").read_text())["architectures"] == ["T5ForConditionalGeneration"]
    assert {path.suffix for path in FOLDER.iterdir()} == {".json", ".safetensors"}
    assert (FOLDER / "model.safetensors").stat().st_size <= 8_000_000


def test_ids_are_as_t5_has_them(
    model: T5ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast
) -> None:
    for config in (model.config, model.generation_config):
        assert config.decoder_start_token_id == config.pad_token_id == tokenizer.pad_token_id == 0
        assert config.eos_token_id == tokenizer.eos_token_id == 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_most_held_out_examples_are_answered_right(
    model: T5ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, task: str, kind: str
) -> None:
    examples = [sample_held_out(random.Random(f"{task} {kind} {i}"), task, kind) for i in range(8)]
    said = generate(model, tokenizer, [example.source for example in examples])
    assert sum(answer == e.target for answer, e in zip(said, examples, strict=True)) >= 6


def test_what_it_was_not_trained_for_ends_all_the_same(
    model: T5ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast
) -> None:
    said = generate(model, tokenizer, ["", "Hello!", "summarize: ", "翻訳 \U0001f600"], limit=12)
    assert len(said) == 4


def test_its_figures_name_each_task_and_kind() -> None:
    figures = evaluate.evaluate(count=2)
    assert 3_000_000 < figures["parameters"] < 4_000_000
    for task in TASKS:
        assert set(figures[task]["held_out"]) == set(KINDS)
        assert figures[task]["examples"] == 2 * len(KINDS)
        assert figures[task]["exact_match"] == pytest.approx(
            sum(figures[task]["held_out"].values()) / len(KINDS), abs=1e-3
        )
