"""Tiny models with random weights, one of each family that a port's adapters serve."""

import copy
import functools

import pytest
import pytest_asyncio
import torch
import transformers as t
from textgen.models.decoder import Decoder
from textgen.models.lora import install
from textgen.models.seq2seq import TorchSeq2Seq
from textgen.models.torch_network import TorchNetwork

from .engines import INSTALLED, STARTER, start

VOCABULARY = 61
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
LLAMA = {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 96, "vocab_size": VOCABULARY}
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
BART = {
    **{
        f"{side}_{name}": size
        for side in ("encoder", "decoder")
        for name, size in (("layers", 2), ("ffn_dim", 48))
    },
    **{f"{side}_attention_heads": 4 for side in ("encoder", "decoder")},
    "d_model": 32,
    "max_position_embeddings": 96,
    "decoder_start_token_id": 2,
}
KINDS = {
    "llama": (t.LlamaForCausalLM, t.LlamaConfig, {**LLAMA, **ENDS}),
    "qwen2": (t.Qwen2ForCausalLM, t.Qwen2Config, {**LLAMA, **ENDS}),
    "mixtral": (
        t.MixtralForCausalLM,
        t.MixtralConfig,
        {**LLAMA, **ENDS, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    # Prompts and answers are longer than the window, so the mask has to cut.
    "mistral": (t.MistralForCausalLM, t.MistralConfig, {**LLAMA, **ENDS, "sliding_window": 5}),
    "gemma": (
        t.Gemma2ForCausalLM,
        t.Gemma2Config,
        # Its scores are capped, and every other layer has a window.
        {
            **LLAMA,
            **ENDS,
            "head_dim": 8,
            "sliding_window": 5,
            "attn_logit_softcapping": 2.0,
            "query_pre_attn_scalar": 8,
        },
    ),
    "phi3": (t.Phi3ForCausalLM, t.Phi3Config, {**LLAMA, **ENDS, "sliding_window": None}),
    "gpt2": (
        t.GPT2LMHeadModel,
        t.GPT2Config,
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, "vocab_size": VOCABULARY, **ENDS},
    ),
    "t5": (t.T5ForConditionalGeneration, t.T5Config, {**T5, "vocab_size": VOCABULARY, **ENDS}),
    "bart": (
        t.BartForConditionalGeneration,
        t.BartConfig,
        {**BART, "vocab_size": VOCABULARY, **ENDS, "forced_eos_token_id": None},
    ),
    # Its positions are computed, so that only rows at the same one share a batch.
    "pegasus": (
        t.PegasusForConditionalGeneration,
        t.PegasusConfig,
        {**BART, "vocab_size": VOCABULARY, **ENDS, "forced_eos_token_id": None, "decoder_start_token_id": 0},
    ),
}


@pytest.fixture(scope="session")
def model_of():
    """A family's model by its name; made once."""

    @functools.cache
    def make(name):
        kind, config, options = KINDS[name]
        torch.manual_seed(0)
        model = kind(config(**options)).eval().requires_grad_(False)
        for parameter in model.parameters():  # initial weights are too alike for greedy to mean anything
            torch.nn.init.normal_(parameter, std=0.3)
        return model

    return make


@pytest.fixture(scope="session")
def decoder_of(model_of):
    """A runner of a family, with a copy of its model: a runner replaces the attention."""

    def make(name, blocks=64, start_token=1):
        model = copy.deepcopy(model_of(name))
        if model.config.is_encoder_decoder:
            return TorchSeq2Seq(model, empty_prompt=[2])
        network = TorchNetwork(model, blocks=blocks, linears=install(model))
        return Decoder(network, start_token=start_token)

    return make


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=INSTALLED)
async def served(request):
    """An engine that serves the starter model."""
    made = await start(request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def reference():
    """The starter model as transformers has it, in float32."""
    return t.AutoModelForCausalLM.from_pretrained(STARTER, dtype="float32").eval()


@pytest.fixture(scope="module")
def runner(family, decoder_of):
    """A runner of the module's `family`."""
    return decoder_of(family)
