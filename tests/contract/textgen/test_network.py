"""The port Network: logits over a cache of blocks, whatever computes them, near those of transformers in float32."""

import copy
import random

import pytest
import torch
import transformers as t
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textgen.domain import Sampling
from textgen.models.decoder import Decoder
from textgen.models.graphed_network import GraphedNetwork, Way
from textgen.models.int8 import quantise
from textgen.models.lora import install
from textgen.models.native_network import NativeNetwork, unfit
from textgen.models.torch_network import TorchNetwork
from textgen.native.build import why_not
from textgen.scheduler import Limits, Span

from .adapters import adapter, matrices, merged
from .batch import Batch, row
from .tile_kernel import attend_tiles, fixed_result

VOCABULARY = 67  # of no panel's width
SHAPE = {
    "hidden_size": 72,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "intermediate_size": 104,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 640,
}
FAMILIES = {
    "llama": (t.LlamaForCausalLM, t.LlamaConfig, {"tie_word_embeddings": True}),
    "llama-3": (
        t.LlamaForCausalLM,
        t.LlamaConfig,
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "mistral": (t.MistralForCausalLM, t.MistralConfig, {"sliding_window": 21}),
    "qwen2": (t.Qwen2ForCausalLM, t.Qwen2Config, {}),
    "qwen3": (t.Qwen3ForCausalLM, t.Qwen3Config, {}),
}
KINDS = ("torch", "torch-bfloat16", "torch-int8", "graphed") + (
    () if why_not() else ("native", "native-int8")
)
# Of the logits' deviation.
TOLERANCE = {
    "torch": 1e-4,
    "graphed": 1e-4,
    "torch-bfloat16": 0.08,
    "torch-int8": 0.08,
    "native": 0.03,
    "native-int8": 0.12,
}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    """In float32, with weights that bfloat16 can hold."""
    kind, config, more = FAMILIES[request.param]
    torch.manual_seed(0)
    made = kind(config(**SHAPE, **more)).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    return made.bfloat16().float()


@pytest.fixture(scope="module", params=KINDS)
def network(request, model):
    mine = copy.deepcopy(model)
    if request.param == "torch-int8":
        quantise(mine)
    if request.param == "torch-bfloat16":
        mine = mine.bfloat16()
    if request.param == "graphed":
        linears = install(mine)
        return GraphedNetwork(
            mine,
            blocks=48,
            rows=48,
            way=Way("test", attend_tiles, fixed_result),
            linears=linears,
        )
    if request.param.startswith("torch"):
        return TorchNetwork(mine, blocks=48, linears=install(mine))
    assert unfit(mine.bfloat16()) is None
    return NativeNetwork(mine, blocks=48, int8=request.param == "native-int8")


# Of other ranks, for other layers; numbers that bfloat16 can hold.
ADAPTERS = {"x": {"rank": 4}, "y": {"rank": 17, "targets": ("v_proj", "down_proj")}}


@pytest.fixture(scope="module")
def adapted(network, model):
    """By name: the adapter, and the model that it makes."""
    found = {None: (None, model)}
    for seed, (name, options) in enumerate(ADAPTERS.items()):
        pairs = {
            layer: tuple(each.bfloat16().float() for each in pair)
            for layer, pair in matrices(model, seed, scale=0.3, **options).items()
        }
        kept = torch.float32 if name_of(network) == "torch" else torch.bfloat16
        mine = {layer: tuple(each.to(kept) for each in pair) for layer, pair in pairs.items()}
        found[name] = adapter(network, name, mine), merged(model, pairs)
    return found


def name_of(network):
    return (
        "torch" if isinstance(network, TorchNetwork) and network._model.dtype == torch.float32 else "bfloat16"
    )


@pytest.fixture
def tolerance(request):
    return TOLERANCE[request.node.callspec.params["network"]]


def text(seed, length):
    return random.Random(seed).choices(range(VOCABULARY), k=length)


def span(ids, start=0, blocks=range(40), adapter=None):
    return Span((1, 0), ids, start, tuple(blocks), chooses=True, adapter=adapter)


def near(found, wanted, tolerance):
    assert found.shape == wanted.shape
    assert float((found.float() - wanted).abs().max()) <= tolerance * max(1.0, float(wanted.std()) * 4)


@torch.inference_mode()
def plain(model, ids):
    return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 48, 333])
def test_a_prompt_is_read_as_by_transformers(network, model, tolerance, length):
    ids = text(length, length)
    near(network.compute([span(ids)], range(length)), plain(model, ids), tolerance)


def test_parts_tokens_and_drafts_go_on_from_the_cache(network, model, tolerance):
    ids, found, start = text(1, 100), [], 0
    for count in (33, 1, 15, 16, 1, 1, 7, 26):
        found.append(network.compute([span(ids[start : start + count], start)], range(count)))
        start += count
    near(torch.cat(found), plain(model, ids), tolerance)


def test_sequences_side_by_side_do_not_see_each_other(network, model, tolerance):
    lengths = [5, 90, 1, 16, 31, 60]
    texts = [text(place, length) for place, length in enumerate(lengths)]
    tables = [range(8 * place, 8 * place + 8) for place in range(6)]
    spans = [span(ids, 0, table) for ids, table in zip(texts, tables, strict=True)]
    found = network.compute(spans, range(sum(lengths)))
    near(found, torch.cat([plain(model, ids) for ids in texts]), tolerance)
    more = network.compute(
        [span([7], len(ids), table) for ids, table in zip(texts, tables, strict=True)], range(6)
    )
    near(more, torch.stack([plain(model, [*ids, 7])[-1] for ids in texts]), tolerance)


def test_blocks_lie_anywhere_and_can_be_copied(network, model, tolerance):
    ids = text(3, 40)
    network.compute([span(ids, 0, (9, 2, 30))], [39])
    network.copy([(30, 5), (9, 11)])
    near(network.compute([span([4], 40, (11, 2, 5))], [0]), plain(model, [*ids, 4])[-1:], tolerance)


def test_what_is_computed_alone_is_kept_by_nobody(network, model, tolerance):
    ids, rows = text(4, 20), [text(5, 50), text(6, 1), text(7, 16)]
    network.compute([span(ids)], [19])
    found = network.compute_alone(rows, range(67))
    near(found, torch.cat([plain(model, row) for row in rows]), tolerance)
    near(network.compute([span([4], 20)], [0]), plain(model, [*ids, 4])[-1:], tolerance)


def test_a_token_outside_the_vocabulary_is_an_error_and_harms_nothing(network, model, tolerance):
    ids = text(4, 20)
    for wrong in (-VOCABULARY - 1, VOCABULARY, 2**31):
        with pytest.raises((IndexError, RuntimeError)):
            network.compute([span([3, wrong], 0, (41, 42))], [1])
    near(network.compute([span(ids)], [19]), plain(model, ids)[-1:], tolerance)


def test_a_renewed_network_has_a_cache_of_its_own(network, model, tolerance):
    ids = text(8, 20)
    other = network.renewed()
    network.compute([span(ids)], [19])
    other.compute([span(text(9, 20))], [19])
    near(network.compute([span([4], 20)], [0]), plain(model, [*ids, 4])[-1:], tolerance)
    assert network.compute([span(ids)], []).shape == (0, VOCABULARY)


def test_logits_stay_as_they_are_while_others_are_computed(network):
    kept = network.compute([span(text(8, 20))], [18, 19])
    before = kept.clone()
    for other in (network, network.renewed()):
        other.compute([span(text(9, 20))], [18, 19])
        assert torch.equal(kept, before)


@pytest.mark.parametrize("name", [None, "y"])
def test_a_sequence_has_the_same_logits_in_any_batch(network, adapted, tolerance, name):
    ids, other, own = text(1, 40), text(2, 70), adapted[name][0]
    alone = network.compute([span(ids, 0, (0, 1, 2), own)], range(40))
    beside = span(other, 0, range(10, 15), adapted["x"][0])
    crowd = network.compute([beside, span(ids, 0, (3, 4, 5), own)], range(70, 110))
    parts = [network.compute([span(ids[at : at + 1], at, (6, 7, 8), own)], [0]) for at in range(40)]
    for found in (crowd, torch.cat(parts)):
        if isinstance(network, NativeNetwork):
            assert torch.equal(found, alone)  # to the bit
        else:
            near(found, alone.float(), tolerance)


def test_each_sequence_has_its_own_adapter(network, adapted, tolerance):
    names = ["x", None, "y", "x", None]
    lengths = [40, 90, 1, 16, 31]
    texts = [text(place, length) for place, length in enumerate(lengths)]
    tables = [range(8 * place, 8 * place + 8) for place in range(5)]
    wanted = [plain(adapted[name][1], [*ids, 7]) for name, ids in zip(names, texts, strict=True)]
    mine = [adapted[name][0] for name in names]
    together = zip(texts, tables, mine, strict=True)
    found = network.compute([span(ids, 0, table, own) for ids, table, own in together], range(sum(lengths)))
    near(found, torch.cat([logits[:-1] for logits in wanted]), 2 * tolerance)
    together = zip(lengths, tables, mine, strict=True)
    found = network.compute([span([7], length, table, own) for length, table, own in together], range(5))
    near(found, torch.stack([logits[-1] for logits in wanted]), 2 * tolerance)


def test_who_has_no_adapter_has_the_same_logits_to_the_bit(network, adapted):
    first, second = text(1, 20), text(2, 20)

    def crowd(own):
        spans = [span(first, 0, (0, 1), own), span(second, 0, (2, 3)), span(first, 0, (4, 5), own)]
        return network.compute(spans, range(20, 40))

    assert torch.equal(crowd(adapted["x"][0]), crowd(None))


def test_an_adapter_of_a_network_is_that_of_a_renewed_one(network, adapted, tolerance):
    ids, other = text(8, 20), network.renewed()
    own, model = adapted["y"]
    near(other.compute([span(ids, 0, (0, 1), own)], range(20)), plain(model, ids), 2 * tolerance)


@pytest.mark.parametrize("network", [kind for kind in KINDS if "native" in kind] or ["torch"], indirect=True)
@pytest.mark.parametrize("model", ["qwen3"], indirect=True)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    prompts=st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 12), st.sampled_from([None, *ADAPTERS])),
        min_size=1,
        max_size=4,
    ),
    blocks=st.integers(5, 20),
    step=st.sampled_from([4, 16, 256]),
    speculative=st.booleans(),
)
def test_seeded_answers_are_the_same_whatever_is_planned(
    network, adapted, prompts, blocks, step, speculative
):
    runner, rules = Decoder(network, start_token=1), Sampling(temperature=0.7)
    rows = [
        (row(number, text(0, length), rules, seed=number), count, adapted[name][0])
        for number, (length, count, name) in enumerate(prompts)
    ]
    limits = Limits(max_batch_size=4, max_batch_tokens=16 * blocks, max_prefill_tokens=step)
    batch = Batch(runner, limits, speculative=speculative)
    for each, count, own in rows:
        batch.add(each, count, adapter=own)
    found = batch.finish()
    for each, count, own in rows:
        alone = Batch(runner, caches=False)
        alone.add(each, count, adapter=own)
        assert found[each.key[0]] == alone.finish()[each.key[0]]


def test_a_summary_is_the_likeliest_token_and_the_sum_of_exponentials(network):
    logits = torch.randn(9, 1000, generator=torch.Generator().manual_seed(3)) * 30
    logits[0, 100:] = float("-inf")
    logits[1] = 2.0  # equals: the first is taken
    likeliest, sums = network.summarise(logits)
    assert likeliest.tolist() == logits.argmax(-1).tolist()
    torch.testing.assert_close(sums, logits.logsumexp(-1), rtol=1e-5, atol=1e-5)
    for broken in (float("nan"), float("inf")):
        logits[2, 999] = broken
        finite = network.summarise(logits)[1].isfinite().tolist()
        assert finite == [place != 2 for place in range(9)]
