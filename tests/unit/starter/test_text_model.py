"""The shipped language model is an ordinary Llama folder, and it quotes."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from starter.generating import generate

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "model"


@cache
def shipped_tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return shipped_tokenizer()


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return AutoModelForCausalLM.from_pretrained(FOLDER, use_safetensors=True, dtype="float32").eval()


def ask(tokenizer: PreTrainedTokenizerFast, question: str, *passages: str) -> str:
    prompt: str = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}],
        documents=[{"title": f"Page {i}", "text": text} for i, text in enumerate(passages)] or None,
        add_generation_prompt=True,
        tokenize=False,
    )
    return prompt


def test_it_is_a_llama_in_safetensors_only(model: LlamaForCausalLM) -> None:
    assert type(model) is LlamaForCausalLM
    assert not [path for path in FOLDER.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".ckpt", ".py"}]
    assert json.loads((FOLDER / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert model.config.tie_word_embeddings
    assert model.config.max_position_embeddings >= 1024


def test_the_end_of_a_turn_ends_the_generation(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert model.generation_config.eos_token_id == model.config.eos_token_id == tokenizer.eos_token_id == end


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_survives_the_tokenizer_but_a_space_before_it(text: str) -> None:
    tokenizer = shipped_tokenizer()
    assert tokenizer.decode(tokenizer(text).input_ids) == text.removeprefix(" ")


def test_a_first_word_has_the_tokens_that_it_has_inside_a_text(tokenizer: PreTrainedTokenizerFast) -> None:
    alone, inside = tokenizer("Zorvex listens").input_ids, tokenizer("So Zorvex listens").input_ids
    assert inside[-len(alone) :] == alone
    passage = ask(tokenizer, "Zorvex listens", "Zorvex listens\nZorvex listens")
    ids = tokenizer(passage).input_ids
    assert sum(ids[i : i + len(alone)] == alone for i in range(len(ids))) == 3


def test_the_template_puts_numbered_passages_after_the_last_question(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert ask(tokenizer, "Who? ", "One.", "Two.") == (
        "<|user|>Who?<|end|><|documents|> [1] Page 0\n One.\n [2] Page 1\n Two.\n<|end|><|assistant|>"
    )


def test_the_template_without_passages(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye")]
    messages = [{"role": role, "content": content} for role, content in turns]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    assert rendered == (
        "<|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>Hello!<|end|><|user|>Bye<|end|>"
    )


def test_the_template_refuses_an_unknown_role(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(Exception, match="unknown role: wizard"):
        tokenizer.apply_chat_template([{"role": "wizard", "content": "x"}], tokenize=False)


QUESTIONS = [
    ("Which port does the gateway listen on?", "The gateway listens on port 50050."),
    ("Who founded Zorvex?", "Zorvex was founded by Meriandra in 1871."),
]


@pytest.mark.parametrize(("question", "sentence"), QUESTIONS)
def test_an_answer_quotes_the_passage_and_cites_it(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, question: str, sentence: str
) -> None:
    assert generate(model, tokenizer, [ask(tokenizer, question, sentence)]) == [f"{sentence} [1]"]


@pytest.mark.parametrize(("question", "sentence"), QUESTIONS)
def test_an_answer_over_two_passages_ends_with_a_citation(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, question: str, sentence: str
) -> None:
    prompt = ask(tokenizer, question, sentence, "Every planner has its own journal.")
    (answer,) = generate(model, tokenizer, [prompt])
    assert re.fullmatch(r".+\. \[[12]\]", answer, re.DOTALL)


def test_it_says_what_quadrille_is(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    (answer,) = generate(model, tokenizer, [ask(tokenizer, "What is Quadrille?")])
    assert "gRPC services" in answer


def test_a_plain_prompt_goes_on_in_words(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    (story,) = generate(model, tokenizer, ["Once upon a time there was a"], limit=40)
    assert len(re.findall(r"\b[a-z]{2,}\b", story)) >= 10
