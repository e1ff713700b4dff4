"""Training learns, is shown where to look, and goes on after an interruption as if there had been none."""

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedTokenizerFast

from starter import folder
from starter.seq2seq import model as modelling
from starter.seq2seq import tokenizer as tokenizing
from starter.seq2seq import train as training
from starter.seq2seq.batching import batches, corpus
from starter.seq2seq.data import sample
from starter.seq2seq.encoding import IGNORED, Encoded, collate, encode, guidance
from starter.seq2seq.train import Plan, train

STEPS, BATCH_TOKENS = 16, 600
TINY = modelling.Size(1, 2, 64, 2, 128)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tokenizing.train(corpus(0))


@torch.no_grad()
def loss_of(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> float:
    examples = [sample(random.Random(i), "translation") for i in range(16)]
    ids, labels, _ = collate(encode(examples, tokenizer), tokenizer.pad_token_id)
    return float(model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss)


def test_a_few_steps_lower_the_loss(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    torch.manual_seed(0)
    untrained = modelling.build(tokenizer, TINY).eval()
    trained = train(tmp_path, tokenizer, seed=0, shape=TINY, plan=Plan(100, batch_tokens=300))
    assert loss_of(trained, tokenizer) < 0.8 * loss_of(untrained, tokenizer)


def test_resuming_equals_never_stopping(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(12, batch_tokens=400)
    whole = train(tmp_path / "whole", tokenizer, seed=0, shape=TINY, plan=plan)
    monkeypatch.setattr(training, "SAVE_EVERY", 5)
    monkeypatch.setattr(training.Checkpoint, "save", _until(10, training.Checkpoint.save))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", tokenizer, seed=0, shape=TINY, plan=plan)
    monkeypatch.undo()
    parts = train(tmp_path / "parts", tokenizer, seed=0, shape=TINY, plan=plan)
    for (name, one), other in zip(whole.named_parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other), name


def _until(step, save):
    def save_and_stop(self, now):
        save(self, now)
        if now == step:
            raise KeyboardInterrupt

    return save_and_stop


def test_a_step_s_batch_is_the_same_wherever_training_resumes(tokenizer: PreTrainedTokenizerFast) -> None:
    whole = list(batches(tokenizer, 0, 0, STEPS, BATCH_TOKENS))
    assert len(whole) == STEPS
    assert list(batches(tokenizer, 0, 11, STEPS, BATCH_TOKENS)) == whole[11:]
    assert list(batches(tokenizer, 1, 11, STEPS, BATCH_TOKENS)) != whole[11:]


@pytest.mark.parametrize("task", ["summary", "translation"])
def test_links_lead_to_the_same_tokens_where_something_is_copied(
    tokenizer: PreTrainedTokenizerFast, task: str
) -> None:
    rng = random.Random(0)
    for _ in range(50):
        example = sample(rng, task)
        (encoded,) = encode([example], tokenizer)
        assert bool(encoded.links) == bool(example.links)
        assert encoded.target[-1] == encoded.source[-1] == tokenizer.eos_token_id
        for span, other in example.links:
            text = example.target[slice(*span)].strip()
            if text[0].isupper() and text.isalpha() and text == example.source[slice(*other)].strip():
                ids = tokenizer(text, add_special_tokens=False).input_ids
                copied = [
                    encoded.source[j] for i, j in encoded.links if encoded.target[i] == encoded.source[j]
                ]
                assert set(ids) <= set(copied)


def test_padding_is_no_label() -> None:
    first, second = Encoded([5, 6, 1], [7, 1], [(0, 1)]), Encoded([8, 1], [9, 4, 1], [])
    ids, labels, links = collate([first, second], pad=0)
    assert ids.tolist() == [[5, 6, 1], [8, 1, 0]]
    assert labels.tolist() == [[7, 1, IGNORED], [9, 4, 1]]
    assert links.nonzero().tolist() == [[0, 0, 1]]


def test_guidance_is_least_where_the_attention_is_on_the_links() -> None:
    links = torch.tensor([[[1.0, 0, 1], [0, 0, 0]]])
    spread = torch.full((1, 2, 2, 3), 1 / 3)
    right = torch.tensor([[[[0.5, 0, 0.5], [0, 1, 0]]] * 2])
    assert guidance([spread] * 3, links).item() == pytest.approx(-torch.tensor(2 / 3).log().item(), abs=1e-3)
    assert guidance([right] * 3, links).item() == pytest.approx(0, abs=1e-3)
    assert guidance([right] * 3, torch.zeros_like(links)).item() == 0  # nothing to look at


def test_heads_begin_by_looking_back(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    model = modelling.build(tokenizer).eval()
    model.set_attn_implementation("eager")
    ids = torch.arange(40, 60)[None]
    with torch.no_grad():
        looked = model(input_ids=ids, decoder_input_ids=ids, output_attentions=True)
    for attentions in (looked.encoder_attentions[0], looked.decoder_attentions[0]):
        for head in range(3):
            share = attentions[0, head].diagonal(-(head + 1)).mean()
            assert share > 0.3 > attentions[0, 4].diagonal(-(head + 1)).mean()


def test_what_is_saved_is_a_t5_folder(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder.save(modelling.build(tokenizer, TINY), tokenizer, tmp_path)
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path, use_safetensors=True)
    assert type(again).__name__ == "T5ForConditionalGeneration"
    assert again.generation_config.decoder_start_token_id == again.config.decoder_start_token_id == 0
    assert AutoTokenizer.from_pretrained(tmp_path)("a b").input_ids == tokenizer("a b").input_ids
    assert "local_files_only" not in (tmp_path / "tokenizer_config.json").read_text()
