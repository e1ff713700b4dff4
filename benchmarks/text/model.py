"""The model that all engines run: 135 million random parameters as a folder that each of them reads."""

import itertools
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.decoder import SHAPE

# A network with the usual 0.02 says one token for ever, and an engine that guesses by prompt lookup, as ours does,
# would be right every time. With 0.05 no three tokens come twice, so that nobody gains by guessing.
SPREAD = 0.05
SPECIALS = ("<s>", "</s>")


def ensure(folder: Path, shape: Mapping[str, Any] = SHAPE) -> Path:
    """The model's folder; it is made where it is missing."""
    if not (folder / "tokenizer.json").exists():
        torch.manual_seed(0)
        begin, end = range(len(SPECIALS))
        config = LlamaConfig(**shape, initializer_range=SPREAD, bos_token_id=begin, eos_token_id=end)
        _random(config).save_pretrained(folder)
        tokenizer(shape["vocab_size"]).save_pretrained(folder)
    return folder


def _random(config: LlamaConfig) -> LlamaForCausalLM:
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return LlamaForCausalLM(config).bfloat16()


def tokenizer(size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `size` tokens: bytes, and words of two to four letters that are never more than ASCII."""
    vocabulary = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    letters = string.ascii_lowercase
    pairs = [("".join(pair), pair) for pair in itertools.product(letters, letters)]
    triples = [(pair + letter, (pair, letter)) for pair, _ in pairs for letter in letters]
    fours = [(one + other, (one, other)) for one, _ in pairs for other, _ in pairs]
    words = itertools.islice(itertools.chain(pairs, triples, fours), size - len(vocabulary))
    merges = []
    for word, parts in words:
        vocabulary.append(word)
        merges.append(parts)
    bpe = Tokenizer(models.BPE({token: place for place, token in enumerate(vocabulary)}, merges))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    begin, end = SPECIALS
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=begin, eos_token=end)
