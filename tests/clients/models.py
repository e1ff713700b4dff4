"""Models that clients need and the starter has not: one that is told of tools, one that ranks. Neither is any good."""

import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

STARTER = Path(__file__).resolve().parents[2] / "starter/text/model"
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


def make_models(folder: Path) -> str:
    """What QUADRILLE_TEXTGEN_MODELS is to be: the starter, minilm, and two that are made in `folder`."""
    shutil.copytree(STARTER, folder / "tools")
    (folder / "tools/chat_template.jinja").write_text(TOOLS_TEMPLATE)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    config = BertConfig(
        **shape, vocab_size=len(PIECES), max_position_embeddings=64, pad_token_id=0, num_labels=1
    )
    BertForSequenceClassification(config).save_pretrained(folder / "reranker")
    _letters().save_pretrained(folder / "reranker")
    return f"starter={STARTER},minilm,tools={folder / 'tools'},reranker={folder / 'reranker'}"


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
    return PreTrainedTokenizerFast(tokenizer_object=made, **names, model_max_length=64)
