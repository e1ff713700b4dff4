"""The sliding-window form has the same weights, and sees only its window."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, MistralForCausalLM, PreTrainedTokenizerFast

from starter.folder import load_tokenizer
from starter.text.model import build
from starter.text.sliding import convert, figures, long_texts

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "model"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return load_tokenizer(FOLDER)


@pytest.fixture(scope="module")
def dense(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return build(tokenizer, "tiny").eval()


@torch.no_grad()
def test_it_is_the_same_model_within_the_window_and_blind_beyond(dense: LlamaForCausalLM) -> None:
    ids = torch.randint(0, 4000, (1, 24), generator=torch.Generator().manual_seed(0))
    wide, narrow = convert(dense, 64), convert(dense, 2)
    assert type(narrow) is MistralForCausalLM
    torch.testing.assert_close(wide(ids).logits, dense(ids).logits)
    assert not torch.allclose(narrow(ids).logits, dense(ids).logits, atol=1e-3)
    # Information moves one token back a layer in a window of two.
    layers = dense.config.num_hidden_layers
    changed = ids.clone()
    changed[0, 0] += 1
    torch.testing.assert_close(
        narrow(changed).logits[0, layers + 1 :], narrow(ids).logits[0, layers + 1 :], atol=1e-5, rtol=1e-5
    )
    assert not torch.allclose(wide(changed).logits[0, -1], wide(ids).logits[0, -1], atol=1e-6)


def test_its_folder_loads_as_a_mistral(dense: LlamaForCausalLM, tmp_path: Path) -> None:
    convert(dense, 16).save_pretrained(tmp_path)
    again = MistralForCausalLM.from_pretrained(tmp_path)
    assert again.config.sliding_window == 16


def test_texts_are_long_and_few(dense: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    paragraphs = [f"Paragraph {i} is about the number {i}." for i in range(300)]
    texts = long_texts(tokenizer, paragraphs, most=3, length=100)
    assert len(texts) == 3
    assert all(len(tokenizer(text).input_ids) >= 100 for text in texts)
    assert set(figures(dense, tokenizer, paragraphs, most=1)) == {"full"} | {"64", "128", "256", "512"}
