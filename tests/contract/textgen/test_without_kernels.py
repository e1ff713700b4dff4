"""Families that the kernels don't know, in int8 and in bfloat16: transformers' model over our cache."""

import copy
import random

import pytest
import torch
from textgen.domain import Sampling
from textgen.models.decoder import Decoder
from textgen.models.int8 import Int8Linear, quantise
from textgen.models.torch_network import TorchNetwork
from textgen.scheduler import Limits
from torch import nn

from .batch import row, run

VOCABULARY = 61
FAMILIES = {"gemma": 14, "gpt2": 8, "mixtral": 8}  # and the layers that are quantised
PROMPTS = [
    tuple(random.Random(seed).choices(range(3, VOCABULARY), k=length)) for seed, length in ((1, 40), (2, 7))
]
COUNT = 24


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def dequantised(model):
    """The same model, its int8 layers as ordinary ones."""
    plain = copy.deepcopy(model)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, Int8Linear):
                outputs, inputs = child.weight.shape
                layer = nn.Linear(inputs, outputs, bias=child.bias is not None)
                layer.weight = nn.Parameter(child.weight.float() * child.scales[:, None], requires_grad=False)
                layer.bias = child.bias
                setattr(module, name, layer)
    return plain


def test_greedy_in_int8_is_that_of_the_dequantised_model(family, model_of):
    model = copy.deepcopy(model_of(family))
    assert quantise(model) == FAMILIES[family]
    plain = dequantised(model)
    runner = Decoder(TorchNetwork(model, blocks=64), start_token=1)
    rows = [(row(place, ids, Sampling(temperature=0)), COUNT) for place, ids in enumerate(PROMPTS)]
    found = run(runner, rows, Limits(4, 1024, 16), speculative=True)
    for place, ids in enumerate(PROMPTS):
        with torch.inference_mode():
            wanted = plain.generate(
                torch.tensor([ids]),
                max_new_tokens=COUNT,
                min_new_tokens=COUNT,
                do_sample=False,
                eos_token_id=None,
            )
        assert found[place] == wanted[0, len(ids) :].tolist()


def test_bfloat16_is_near_float32(family, model_of):
    model = copy.deepcopy(model_of(family)).bfloat16()
    ids = PROMPTS[0]
    with torch.inference_mode():
        wanted = copy.deepcopy(model).float()(torch.tensor([ids])).logits[0]
        found = TorchNetwork(model, blocks=8).compute_alone([ids], range(len(ids)))
    assert found.dtype == torch.bfloat16
    assert float((found.float() - wanted).abs().max()) <= 0.1 * max(1.0, float(wanted.std()) * 4)
