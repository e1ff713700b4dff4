"""The same weights with sparse attention: a Mistral whose tokens see only a window before them (arXiv:2310.06825)."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from .perplexity import perplexity

WINDOWS = (64, 128, 256, 512)  # tokens
LENGTH = 1500  # tokens of a text, so that most of it lies beyond the windows
_SHARED = (
    "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim "
    "max_position_embeddings rms_norm_eps rope_parameters tie_word_embeddings bos_token_id eos_token_id pad_token_id"
)


def convert(model: LlamaForCausalLM, window: int) -> MistralForCausalLM:
    """A copy whose every layer attends to the last `window` tokens."""
    shared = {name: getattr(model.config, name) for name in _SHARED.split()}
    sparse = MistralForCausalLM(MistralConfig(**shared, sliding_window=window))
    sparse.load_state_dict(model.state_dict())
    return sparse.eval()


def long_texts(
    tokenizer: PreTrainedTokenizerFast, paragraphs: Sequence[str], most: int, length: int = LENGTH
) -> list[str]:
    """At most `most` texts of about `length` tokens each, of paragraphs in their order."""
    texts, part, size = [], [], 0
    for paragraph in paragraphs:
        part.append(paragraph)
        size += len(tokenizer(paragraph).input_ids) + 1
        if size >= length:
            texts.append("\n\n".join(part))
            part, size = [], 0
        if len(texts) == most:
            break
    return texts


def figures(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, paragraphs: Sequence[str], most: int = 12
) -> dict[str, float]:
    """Perplexity of long texts with all attention (`full`) and with each window."""
    texts = long_texts(tokenizer, paragraphs, most)
    found = {"full": perplexity(model, tokenizer, texts)["perplexity"]}
    for window in WINDOWS:
        found[str(window)] = perplexity(convert(model, window), tokenizer, texts)["perplexity"]
    return found
