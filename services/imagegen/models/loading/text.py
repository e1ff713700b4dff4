"""Text encoders with their tokenizers, as pipelines keep them."""

from typing import Any

from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5TokenizerFast

from imagegen.models.loading.options import LoadOptions
from imagegen.models.loading.source import Source
from imagegen.models.text import TextTower


def load_clip(
    source: Source, suffix: str, options: LoadOptions, encoder: Any = CLIPTextModelWithProjection
) -> TextTower:
    """`tokenizer` and `text_encoder` with a suffix."""
    return TextTower(
        source.load_tokenizer(CLIPTokenizer, f"tokenizer{suffix}"),
        source.load(encoder, f"text_encoder{suffix}", options, dtype=options.dtype),
    )


def load_t5(source: Source, suffix: str, options: LoadOptions) -> TextTower:
    """`tokenizer` and `text_encoder` with a suffix."""
    return TextTower(
        source.load_tokenizer(T5TokenizerFast, f"tokenizer{suffix}"),
        source.load(T5EncoderModel, f"text_encoder{suffix}", options, dtype=options.dtype),
    )
