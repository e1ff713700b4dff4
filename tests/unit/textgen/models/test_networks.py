import copy

import pytest
import torch
from structlog.testing import capture_logs
from textgen.models import native_encoder, native_network, networks
from textgen.models.native_encoder import NativeEncoder
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_encoder import TorchEncoder
from textgen.models.torch_network import TorchNetwork
from textgen.native import build
from textgen.native.build import why_not
from textgen.scheduler import Span
from transformers import (
    BertConfig,
    BertModel,
    ElectraConfig,
    ElectraModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)


def llama(**more):
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=40, max_position_embeddings=64, **(shape | more))
    ).bfloat16()


def gpt2():
    return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=40)).bfloat16()


def bert(kind=BertModel, config=BertConfig, **more):
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    return kind(config(vocab_size=40, max_position_embeddings=64, **(shape | more))).bfloat16()


@pytest.fixture
def built(monkeypatch):
    for module in (native_network, native_encoder):
        monkeypatch.setattr(module, "load", lambda source: None)


def test_what_the_kernels_do_not_know_is_named(built):
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    assert unfit(llama()) is None
    assert "float32" in unfit(llama().float())
    assert "GPT2LMHeadModel" in unfit(gpt2())
    assert "width" in unfit(llama(num_attention_heads=4))
    assert "activation" in unfit(llama(hidden_act="gelu"))
    assert "dynamic" in unfit(llama(rope_parameters=dynamic))


def test_encoders_that_the_kernels_do_not_know_are_named(built):
    unfit = native_encoder.unfit
    assert unfit(bert()) is None
    assert "float32" in unfit(bert().float())
    assert "ElectraModel" in unfit(bert(ElectraModel, ElectraConfig))
    assert "BertModel" in unfit(bert(is_decoder=True))
    assert "width" in unfit(bert(num_attention_heads=4))
    assert "width" in unfit(bert(intermediate_size=40))
    assert "activation" in unfit(bert(hidden_act="gelu_new"))


def test_an_encoder_gets_the_kernels_where_they_can_be_built(monkeypatch):
    monkeypatch.setattr(native_encoder, "load", lambda source: "there is no compiler")
    network, said = networks.encoder_network_of("m", bert())
    assert isinstance(network, TorchEncoder)
    assert network.pads
    assert said == "with torch's kernels, and not those built for a processor: there is no compiler"
    monkeypatch.undo()
    if why_not() is None:
        network, said = networks.encoder_network_of("m", bert())
        assert isinstance(network, NativeEncoder)
        assert not network.pads
        assert said == "with kernels built for this processor"


def test_what_can_be_built_is_picked_and_what_is_picked_is_said(monkeypatch):
    monkeypatch.setattr(networks, "unfit", lambda model: "there is no compiler")
    network, said = networks.network_of("m", llama(), rows=4, blocks=2)
    assert isinstance(network, TorchNetwork)
    assert said == "with torch's kernels, and not those built for a processor: there is no compiler"
    _, said = networks.network_of("m", llama(), rows=4, blocks=2, int8=True)
    assert said.startswith("with torch's kernels, 7 layers in int8, and not")
    monkeypatch.undo()
    if why_not() is None:
        network, said = networks.network_of("m", llama(), rows=4, blocks=2)
        assert isinstance(network, NativeNetwork)
        assert "built for this processor" in said


@pytest.mark.parametrize(
    ("family", "flags", "compiler", "reason"),
    [
        (False, build._NEEDED, "g++", "GPT2LMHeadModel is not of the shape that they know"),
        (True, build._NEEDED, None, "there is no C++ compiler (g++)"),
        (True, build._NEEDED - {"avx512_bf16"}, "g++", "the processor lacks avx512_bf16"),
    ],
)
def test_why_kernels_are_not_used_is_logged_once(monkeypatch, family, flags, compiler, reason):
    monkeypatch.setattr(build, "_processor_flags", lambda: flags)
    monkeypatch.setattr(build.shutil, "which", lambda name: compiler)
    model = llama() if family else gpt2()
    with capture_logs() as lines:
        _, said = networks.network_of("m", model, rows=4, blocks=2)
    (line,) = [line for line in lines if line["event"] == "kernels_chosen"]
    assert line["kernels"] == said
    assert said.endswith(f"not those built for a processor: {reason}")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("int8", [True, False])
def test_a_network_needs_nothing_of_a_model_whose_weights_it_has_packed(tied, int8):
    torch.manual_seed(0)
    model = llama(tie_word_embeddings=tied)
    if unfit(model) is None:
        wanted = NativeNetwork(copy.deepcopy(model), blocks=2, int8=int8)
        network, _ = networks.network_of("m", model, rows=4, blocks=2, int8=int8)
        assert not any(parameter.numel() for parameter in model.parameters())
        rows = [[3, 1, 4, 1, 5]], range(5)
        for made in (network, network.renewed()):
            assert torch.equal(made.compute_alone(*rows), wanted.compute_alone(*rows))


def test_layers_look_for_adapters_only_where_some_can_come():
    for adapters in (False, True):
        model = llama().float()
        network, _ = networks.network_of("m", model, rows=4, blocks=2, adapters=adapters)
        hooked = [name for name, module in model.named_modules() if module._forward_hooks]
        assert len(hooked) == (7 if adapters else 0)
        assert list(network.linears) == list(network.renewed().linears) == hooked
        assert (
            max(len(module._forward_hooks) for module in model.modules()) == adapters
        )  # a renewed one adds none


def test_the_caches_memory_is_taken_when_it_is_used():
    def resident():
        with open("/proc/self/statm") as file:  # noqa: PTH123 - no file
            return int(file.read().split()[1]) * 4096

    before = resident()
    network, _ = networks.network_of("m", llama().float(), rows=4, blocks=20_000)
    size = sum(each.numel() * 4 for each in (*network._cache.keys, *network._cache.values))
    assert size > 80_000_000
    assert resident() - before < size / 4
    assert not torch.any(network._cache.keys[0][-1])


def zeros(query, keys, values, tiles, rules):
    return torch.zeros(*query.shape[:2], values.shape[3], dtype=query.dtype)


def refusing(*_):
    raise NotImplementedError("not this one")


def mixture():
    return MixtralForCausalLM(
        MixtralConfig(
            vocab_size=40,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            num_local_experts=2,
        )
    )


def test_a_gpu_computes_by_the_fastest_way_that_fits():
    def failing(run):
        raise RuntimeError("cannot be captured")

    for kernel, capture, chosen, refused in (
        (zeros, lambda run: run, "CUDA graphs, with attention in Triton", 0),
        (zeros, failing, "attention in Triton", 1),
        (refusing, failing, "torch's kernels", 2),
    ):
        model = llama().float()
        ways = networks.graphed_ways(model, kernel, capture, compiles=False)
        with capture_logs() as logs:
            network, said = networks.first_that_fits(model, 4, 2, None, ways)
        assert said == chosen
        assert [entry["event"] for entry in logs].count("kernels_not_fit") == refused
        assert network.compute([Span((0, 0), [1, 2], 0, (0,), chooses=True)], [1]).shape == (1, 40)


def test_what_may_be_compiled_is_compiled_first_and_a_mixture_is_not_even_captured():
    ways = networks.graphed_ways(llama(), zeros, lambda run: run, compiles=True)
    assert [(way.compiles, way.capture is None) for way in ways] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    (way,) = networks.graphed_ways(mixture(), zeros, lambda run: run, compiles=True)
    assert (way.compiles, way.capture) == (False, None)
