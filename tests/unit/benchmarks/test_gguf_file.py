import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.peers.gguf_file import gguf_name, interleaved, tensors

HEADS, DIM, HIDDEN = 3, 8, 16


def test_every_tensor_of_a_tied_llama_has_a_name():
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=HIDDEN,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    names = {name for name, _ in LlamaForCausalLM(config).named_parameters()}
    named = {gguf_name(name) for name in names}
    assert len(named) == len(names)
    assert {
        "token_embd.weight",
        "output_norm.weight",
        "blk.1.ffn_norm.weight",
        "blk.0.attn_q.weight",
    } <= named
    with pytest.raises(KeyError):
        gguf_name("model.layers.0.self_attn.q_norm.weight")


def test_rotating_neighbours_after_reordering_is_rotating_halves():
    source = np.random.default_rng(0)
    query, key = (source.normal(size=(HEADS * DIM, HIDDEN)).astype(np.float32) for _ in range(2))
    state = source.normal(size=HIDDEN).astype(np.float32)
    angles = 7 / 10000 ** (np.arange(DIM // 2) / (DIM // 2))
    turn = np.exp(1j * angles)

    def by_halves(weight):
        first, second = np.split((weight @ state).reshape(HEADS, DIM), 2, axis=1)
        return (first + 1j * second) * turn

    def by_neighbours(weight):
        rows = (interleaved(weight, HEADS) @ state).reshape(HEADS, DIM)
        return (rows[:, 0::2] + 1j * rows[:, 1::2]) * turn

    np.testing.assert_allclose(by_neighbours(query), by_halves(query), rtol=1e-5)
    scores = [(turned(query) * turned(key).conj()).real.sum(axis=1) for turned in (by_halves, by_neighbours)]
    np.testing.assert_allclose(*scores, rtol=1e-4)


def test_bfloat16_is_read_exactly(tmp_path):
    weight = torch.randn(4, 6).bfloat16()
    save_file({"w": weight}, tmp_path / "model.safetensors")
    ((name, read),) = tensors(tmp_path)
    assert name == "w" and torch.equal(torch.from_numpy(read.copy()), weight.float())
    save_file({"w": weight.float()}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="F32"):
        list(tensors(tmp_path))
