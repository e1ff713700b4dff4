"""The byte-level BPE tokenizer of the language model, and its chat template."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY_SIZE = 4096
CONTEXT_LENGTH = 2048  # tokens
PAD, END, SYSTEM, USER, ASSISTANT, DOCUMENTS = (
    "<|pad|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|documents|>",
)
SPECIAL_TOKENS = (PAD, END, SYSTEM, USER, ASSISTANT, DOCUMENTS)

# Passages follow the last question, so that each of their tokens can look back at what was asked. Every line of
# theirs begins with a space, so that its first word has the same tokens as in the middle of a line.
CHAT_TEMPLATE = """\
{%- set roles = {'system': '<|system|>', 'user': '<|user|>', 'assistant': '<|assistant|>'} -%}
{%- set place = namespace(last_user=-1) -%}
{%- for message in messages -%}
{%- if message['role'] not in roles -%}
{{- raise_exception('unknown role: ' + message['role']) -}}
{%- endif -%}
{%- if message['role'] == 'user' -%}{%- set place.last_user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{{- roles[message['role']] + message['content'] | trim + '<|end|>' -}}
{%- if documents and loop.index0 == place.last_user -%}
{{- '<|documents|>' -}}
{%- for document in documents -%}
{{- ' [' ~ loop.index ~ '] ' + (document['title'] | default('', true) | trim) -}}
{{- '\\n ' + document['text'] | trim | replace('\\n', '\\n ') + '\\n' -}}
{%- endfor -%}
{{- '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def train(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE vocabulary learned from `texts`.

    Every byte is a token, so that any text comes back, but for a space before it.
    """
    tokenizer = Tokenizer(models.BPE())
    # A text's first word is spelled as if a space came before it, so that it has the same tokens wherever it
    # stands and can be quoted. Digits apart: a number never seen before is then copied one digit at a time.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Digits(individual_digits=True)]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(SPECIAL_TOKENS[2:]),
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_LENGTH,
        clean_up_tokenization_spaces=False,
    )
