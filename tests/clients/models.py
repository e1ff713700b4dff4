"""Models that clients need and the starter has not: told of tools, ranking, or just fast. None is any good."""

import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

STARTER = Path(__file__).resolve().parents[2] / "starter"
# As Hermes' and Qwen's: tools in <tools>, calls in <tool_call>.
TOOLS_TEMPLATE = """\
{%- if tools %}<|system|><tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools> Calls: <tool_call>{"name": "…", "arguments": {…}}</tool_call><|end|>{% endif %}
{%- for m in messages %}<|{{ 'user' if m.role == 'tool' else m.role }}|>{{ m.content or '' }}
{%- for call in m.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|end|>{% endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "vocab_size": len(PIECES),
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
IMAGE_MODELS = f"starter-gan={STARTER / 'image/gan'},starter={STARTER / 'image/model'}"  # the fast one first


def make_models(folder: Path) -> str:
    """What QUADRILLE_TEXTGEN_MODELS is to be: three that are made in `folder`, the starter and minilm.

    The first, which is asked when a request names none, answers fast.
    """
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SHAPE, bos_token_id=2, eos_token_id=3)).save_pretrained(folder / "tiny")
    BertForSequenceClassification(BertConfig(**SHAPE, num_labels=1)).save_pretrained(folder / "reranker")
    for name in ("tiny", "reranker"):
        _letters().save_pretrained(folder / name)
    shutil.copytree(STARTER / "text/model", folder / "tools")
    (folder / "tools/chat_template.jinja").write_text(TOOLS_TEMPLATE)
    made = ",".join(f"{name}={folder / name}" for name in ("tiny", "reranker", "tools"))
    return f"{made},starter={STARTER / 'text/model'},minilm"


def _letters() -> PreTrainedTokenizerFast:
    made = Tokenizer(
        models.WordPiece({piece: place for place, piece in enumerate(PIECES)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    return PreTrainedTokenizerFast(
        tokenizer_object=made, **names, model_max_length=64, chat_template=template
    )
