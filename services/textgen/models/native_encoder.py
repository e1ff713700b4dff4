"""BERT-shaped encoders on a CPU, in bfloat16 and without padding, by the kernels in `textgen.native`."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from textgen.models.encoder import Rows
from textgen.native.build import load

# Models of one shape: a norm after attention over the whole text, and one after a feed-forward.
_KINDS = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "distilbert"})
_LANES = 16


def unfit(model: Any) -> str | None:
    """A reason why the kernels can't compute a model here, or None; builds them when there is none."""
    config = model.config
    if model.device.type != "cpu" or model.dtype != torch.bfloat16:
        return f"they compute bfloat16 on a CPU, not {model.dtype} on {model.device.type}"
    if config.model_type not in _KINDS or getattr(config, "is_decoder", False):
        return f"{type(model).__name__} is not of the shape that they know"
    if getattr(config, "position_embedding_type", "absolute") != "absolute":
        return f"its positions are of the kind {config.position_embedding_type}"
    activation = config.activation if config.model_type == "distilbert" else config.hidden_act
    inner = next(_layers(model.base_model))["up"][0].out_features
    if activation != "gelu" or config.hidden_size // config.num_attention_heads % _LANES or inner % _LANES:
        return "its activation, or the width of its heads or its feed-forward, is none that they know"
    return load("encoder")


class NativeEncoder:
    """Implements EncoderNetwork; of the model itself, only the embeddings and the head are kept."""

    pads = False

    def __init__(self, model: Any) -> None:
        base, config = model.base_model, model.config
        table = base.embeddings
        words = table.word_embeddings.weight
        types = getattr(table, "token_type_embeddings", None)
        types = torch.zeros(1, words.shape[1], dtype=words.dtype) if types is None else types.weight
        # Positions of RoBERTa and its kin begin after the padding's.
        positions = table.position_embeddings.weight[getattr(table, "padding_idx", -1) + 1 :]
        with torch.inference_mode():
            self._encoder = torch.classes.quadrille.Encoder(
                words,
                positions,
                types,
                table.LayerNorm.weight,
                table.LayerNorm.bias,
                config.num_attention_heads,
                table.LayerNorm.eps,
            )
            for layer in _layers(base):
                self._encoder.add_layer(_weights(layer))
        self._typed = len(types) > 1
        self._classifier, self._language = _classifier(model), _language(model)

    @torch.inference_mode()
    def states(self, rows: Rows, types: Rows | None = None) -> list[Tensor]:
        """Last hidden states of each row, (tokens, width) float32."""
        lengths = [len(row) for row in rows]
        tokens = torch.tensor([token for row in rows for token in row])
        kinds = torch.tensor([kind for row in types for kind in row]) if types else torch.zeros_like(tokens)
        flat: Tensor = self._encoder.states(tokens, kinds, torch.tensor(lengths))
        return list(torch.split(flat, lengths))

    @torch.inference_mode()
    def labels(self, rows: Rows, types: Rows) -> Tensor:
        """Logits (rows, labels) float32, of the first token of each row."""
        assert self._classifier is not None
        firsts = torch.stack([row[0] for row in self.states(rows, types if self._typed else None)])
        logits: Tensor = self._classifier(firsts)
        return logits

    @torch.inference_mode()
    def predictions(self, rows: Rows, places: Rows) -> list[Tensor]:
        """Logits (places, vocabulary) float32 of each row."""
        assert self._language is not None
        states = [row[list(wanted)] for row, wanted in zip(self.states(rows), places, strict=True)]
        logits: Tensor = self._language(torch.cat(states).bfloat16()).float()
        return list(torch.split(logits, [len(each) for each in states]))


def _layers(base: Any) -> Iterator[Mapping[str, tuple[Any, ...]]]:
    """The linear layers and norms of each layer, by the kernels' names."""
    if base.config.model_type == "distilbert":
        for layer in base.transformer.layer:
            attention, feed = layer.attention, layer.ffn
            yield {
                "qkv": (attention.q_lin, attention.k_lin, attention.v_lin),
                "out": (attention.out_lin,),
                "attention_norm": (layer.sa_layer_norm,),
                "up": (feed.lin1,),
                "down": (feed.lin2,),
                "feed_norm": (layer.output_layer_norm,),
            }
        return
    for layer in base.encoder.layer:
        attention = layer.attention
        yield {
            "qkv": (attention.self.query, attention.self.key, attention.self.value),
            "out": (attention.output.dense,),
            "attention_norm": (attention.output.LayerNorm,),
            "up": (layer.intermediate.dense,),
            "down": (layer.output.dense,),
            "feed_norm": (layer.output.LayerNorm,),
        }


def _weights(layer: Mapping[str, tuple[Any, ...]]) -> dict[str, Tensor]:
    found = {}
    for name, parts in layer.items():
        found[name] = torch.cat([part.weight for part in parts])
        found[f"{name}_bias"] = torch.cat([part.bias for part in parts])
    return found


def _classifier(model: Any) -> nn.Module | None:
    """From states of first tokens (rows, width) float32 to logits (rows, labels)."""
    if not hasattr(model, "classifier"):
        return None
    if hasattr(model, "pre_classifier"):  # DistilBERT
        return nn.Sequential(model.pre_classifier, nn.ReLU(), model.classifier).float()
    pooler, head = getattr(model.base_model, "pooler", None), model.classifier
    if pooler is not None:  # BERT
        return nn.Sequential(pooler.dense, pooler.activation, head).float()
    return nn.Sequential(head.dense, nn.Tanh(), head.out_proj).float()


def _language(model: Any) -> nn.Module | None:
    """From states (places, width) bfloat16 to logits (places, vocabulary)."""
    if hasattr(model, "vocab_projector"):  # DistilBERT
        parts = (model.vocab_transform, model.activation, model.vocab_layer_norm, model.vocab_projector)
        return nn.Sequential(*parts)
    head: nn.Module | None = getattr(model, "cls", getattr(model, "lm_head", None))
    return head
