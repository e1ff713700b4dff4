"""Writes a Llama's safetensors folder as the GGUF file that llama.cpp reads, in BF16 or Q8_0, without a tokenizer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import deserialize

Array = npt.NDArray[np.float32]
# transformers' names within a layer -> GGUF's.
LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
WHOLE = {"embed_tokens": "token_embd", "norm": "output_norm"}


def gguf_name(name: str) -> str:
    """GGUF's name of a tensor, e.g. model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight. KeyError if unknown."""
    inner = name.removeprefix("model.").removesuffix(".weight")
    if not inner.startswith("layers."):
        return f"{WHOLE[inner]}.weight"
    _, layer, part = inner.split(".", 2)
    return f"blk.{layer}.{LAYER[part]}.weight"


def interleaved(weight: Array, heads: int) -> Array:
    """Rows (heads * head_dim, hidden) of a query or key, reordered for rotations of neighbours instead of halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows, columns)


def tensors(folder: Path) -> Iterator[tuple[str, Array]]:
    """Every bfloat16 tensor of the folder as float32, under its name."""
    for name, tensor in deserialize((folder / "model.safetensors").read_bytes()):  # type: ignore[no-untyped-call]
        if tensor["dtype"] != "BF16":
            raise ValueError(f"{name} is {tensor['dtype']}, not BF16")
        halves = np.frombuffer(tensor["data"], dtype=np.uint16).astype(np.uint32)
        yield name, (halves << 16).view(np.float32).reshape(tensor["shape"])


def write(folder: Path, target: Path, *, int8: bool) -> None:
    """Matrices in BF16 or Q8_0, norms in float32. The output layer is the embedding, as in tied models."""
    import gguf

    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    kind = gguf.GGMLQuantizationType.Q8_0 if int8 else gguf.GGMLQuantizationType.BF16
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if int8 else gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_tokenizer_model("none")
    for name, weight in tensors(folder):
        named = gguf_name(name)
        part = named.split(".")[-2]
        if part in heads:
            weight = interleaved(weight, heads[part])
        if weight.ndim == 1:
            writer.add_tensor(named, weight)
        else:
            writer.add_tensor(named, gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(target)
