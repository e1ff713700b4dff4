"""The byte-level BPE tokenizer of the encoder-decoder."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY_SIZE = 1536
CONTEXT_LENGTH = 512  # tokens
PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"  # 0, 1, 2: as T5 has them

# Words with the space before them, endings with their hyphen, digits and all other characters one by one: so a
# stem has the same tokens with any ending, and a number never seen before is copied digit by digit.
_PIECES = Regex(r" ?\p{L}+|-\p{L}+|\p{N}|[^\s\p{L}\p{N}]|\s")


def train(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A vocabulary learned from `texts`. Every byte is a token, so that any text comes back."""
    tokenizer = Tokenizer(models.BPE())
    # A text's first word has the same tokens as inside a text, so that it can be copied.
    tokenizer.normalizer = normalizers.Prepend(" ")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[PAD, END, UNKNOWN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=CONTEXT_LENGTH,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
