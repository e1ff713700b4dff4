import copy

import pytest
import torch
from prometheus_client import CollectorRegistry
from textgen.metrics import TextMetrics
from textgen.models.expert_load import ExpertLoad
from textgen.models.torch_network import TorchNetwork
from textgen.scheduler import Span
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

SHAPE = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
MIXTURES = {
    "mixtral": (MixtralForCausalLM, MixtralConfig, {"num_local_experts": 4}),
    "qwen2": (Qwen2MoeForCausalLM, Qwen2MoeConfig, {"num_experts": 4, "moe_intermediate_size": 8}),
    # Its first layer is dense.
    "qwen3": (
        Qwen3MoeForCausalLM,
        Qwen3MoeConfig,
        {"num_experts": 4, "moe_intermediate_size": 8, "mlp_only_layers": [0], "head_dim": 8},
    ),
}


def made(kind, config, options):
    torch.manual_seed(0)
    return kind(config(**SHAPE, num_experts_per_tok=2, **options)).eval().requires_grad_(False)


@pytest.fixture(params=MIXTURES)
def family(request):
    return request.param


def chosen(model, ids):
    """By layer, how often its router chose each expert, out of its logits."""
    logits = model(torch.tensor([ids]), output_router_logits=True).router_logits
    return [torch.bincount(each.topk(2).indices.flatten(), minlength=4).tolist() for each in logits]


@torch.inference_mode()
def test_every_token_counts_once_for_each_expert_that_computes_it(family):
    model = made(*MIXTURES[family])
    plain = copy.deepcopy(model)
    network = TorchNetwork(model, blocks=8)
    load = ExpertLoad(model)
    assert load.tokens() == {}
    texts = [list(range(3, 20)), [7], list(range(30, 35))]
    tables = [(0, 1), (2,), (3,)]
    spans = [
        Span((place, 0), ids, 0, table, chooses=True)
        for place, (ids, table) in enumerate(zip(texts, tables, strict=True))
    ]
    network.compute(spans, [0])
    network.compute([Span((0, 0), [9], 17, tables[0], chooses=True)], [0])
    texts[0].append(9)
    wanted = torch.tensor([chosen(plain, ids) for ids in texts]).sum(0).tolist()
    layers = range(1, 3) if family == "qwen3" else range(3)
    assert load.tokens() == dict(zip(layers, wanted, strict=True))
    assert {sum(counts) for counts in wanted} == {2 * 24}


def test_a_dense_model_has_no_load():
    model = LlamaForCausalLM(LlamaConfig(**SHAPE)).eval()
    load = ExpertLoad(model)
    model(torch.tensor([[1, 2]]))
    assert load.tokens() == {}


def test_loads_are_exported_as_they_are_at_a_scrape():
    registry, counts = CollectorRegistry(), {3: [5, 0]}
    TextMetrics(registry).experts.watch("mixture", lambda: counts)

    def value(expert):
        labels = {"model": "mixture", "layer": "3", "expert": expert}
        return registry.get_sample_value("quadrille_text_moe_expert_tokens_total", labels)

    assert (value("0"), value("1")) == (5, 0)
    counts[3] = [6, 9]
    assert (value("0"), value("1")) == (6, 9)
