import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from imagegen.models.base import DiffusionModel
from imagegen.models.lora_files import layers_of
from imagegen.models.lora_names import Matrices, matrices_of
from imagegen.testing import save_tiny_lora
from safetensors.torch import load_file
from serving.loras import LoraUnfit
from torch import nn


class Unet(nn.Module):
    """Only names count."""

    config = SimpleNamespace(layers_per_block=2)


PARTS: dict[str, nn.Module] = {"unet": Unet(), "text_encoder": nn.Module(), "text_encoder_2": nn.Module()}
QUERY = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "unet.up_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0"
FF = "unet.mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj"
CONV = "unet.down_blocks.0.resnets.1.conv1"
FIRST, SECOND = (
    "text_encoder.encoder.layers.0.self_attn.q_proj",
    "text_encoder_2.text_model.encoder.layers.3.mlp.fc1",
)
LAYERS = (QUERY, OUT, FF, CONV, FIRST, SECOND)


def kohya(stem: str) -> Matrices:
    return Matrices(f"{stem}.lora_down.weight", f"{stem}.lora_up.weight", f"{stem}.alpha")


def pair(stem: str, down: str = "lora_A", up: str = "lora_B") -> Matrices:
    return Matrices(f"{stem}.{down}.weight", f"{stem}.{up}.weight")


NAMES = {
    "peft": {layer: pair(layer) for layer in LAYERS},
    "diffusers": {
        QUERY: pair(QUERY, "lora.down", "lora.up"),
        OUT: pair(OUT, "lora.down", "lora.up"),
        FIRST: pair(FIRST, "lora_linear_layer.down", "lora_linear_layer.up"),
        SECOND: pair(SECOND, "lora_linear_layer.down", "lora_linear_layer.up"),
    },
    "diffusers, older": {
        QUERY: pair(QUERY.replace("to_q", "processor.to_q_lora"), "down", "up"),
        OUT: pair(OUT.replace("to_out.0", "processor.to_out_lora"), "down", "up"),
    },
    "encoders below a text_model": {
        FIRST: pair(FIRST.replace("text_encoder.", "text_encoder.text_model.")),
        SECOND: pair(SECOND.replace("text_model.", "")),
    },
    "kohya": {
        QUERY: kohya("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"),
        OUT: kohya("lora_unet_up_blocks_0_attentions_1_transformer_blocks_0_attn2_to_out_0"),
        FF: kohya("lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj"),
        CONV: kohya("lora_unet_down_blocks_0_resnets_1_conv1"),
        FIRST: kohya("lora_te_text_model_encoder_layers_0_self_attn_q_proj"),
        SECOND: kohya("lora_te2_text_model_encoder_layers_3_mlp_fc1"),
    },
    "kohya, with the blocks of Stability's code": {
        QUERY: kohya("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"),
        OUT: kohya("lora_unet_output_blocks_1_1_transformer_blocks_0_attn2_to_out_0"),
        FF: kohya("lora_unet_middle_block_1_transformer_blocks_0_ff_net_0_proj"),
        CONV: kohya("lora_unet_input_blocks_2_0_in_layers_2"),
    },
}


def listed(found: dict[str, Matrices]) -> list[str]:
    return [name for each in found.values() for name in (each.down, each.up, each.alpha) if name]


@pytest.mark.parametrize("form", list(NAMES))
def test_every_format_names_the_layers(form: str) -> None:
    assert matrices_of(listed(NAMES[form]), PARTS, LAYERS) == NAMES[form]


def test_a_scale_may_be_missing() -> None:
    names = [name for name in listed(NAMES["kohya"]) if not name.endswith("alpha")]
    assert {each.alpha for each in matrices_of(names, PARTS, LAYERS).values()} == {None}


@pytest.mark.parametrize("is_kohya", [False, True])
def test_all_layers_of_a_model_are_found(tmp_path: Path, pipeline: DiffusionModel, is_kohya: bool) -> None:
    save_tiny_lora(tmp_path, pipeline.lora_parts, kohya=is_kohya)
    names = load_file(tmp_path / "pytorch_lora_weights.safetensors")
    layers = layers_of(pipeline.lora_parts)
    assert set(matrices_of(names, pipeline.lora_parts, layers)) == set(layers)
    assert all(torch.isfinite(tensor).all() for tensor in names.values())


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "no matrices"),
        ([f"{QUERY}.lora_A.weight"], "one of its two"),
        ([*listed({QUERY: pair(QUERY)}), f"{QUERY}.lora_magnitude_vector"], "no LoRA matrix"),
        ([*listed({QUERY: pair(QUERY)}), f"{QUERY}.lora_B.bias"], "no LoRA matrix"),
        ([*listed({QUERY: pair(QUERY)}), f"{QUERY}.alpha"], "no LoRA matrix"),
        (listed({QUERY: pair(QUERY), "x": pair(f"{QUERY}.x")}), "no layer"),
        (listed({QUERY: pair("transformer.x")}), "no layer"),
        (listed({QUERY: pair("unet")}), "no LoRA matrix|no layer"),
        (["a", "b.c"], "no LoRA matrix"),
        ([*listed(NAMES["kohya"]), "lora_unet_x.hada_w1_a"], "no LoRA matrix"),
        ([*listed(NAMES["kohya"]), f"{listed(NAMES['kohya'])[0][:-17]}.dora_scale"], "no LoRA matrix"),
        ([*listed(NAMES["kohya"]), f"{QUERY}.lora_A.weight"], "no LoRA matrix"),
        (listed(NAMES["kohya"])[1:], "not those of a U-Net"),
        ([*listed(NAMES["kohya"]), "lora_unet_what.alpha"], "belongs to none"),
        (listed({"x": kohya("lora_unet_input_blocks_x")}), "not those of a U-Net"),
        (listed({**NAMES["kohya"], "x": kohya("lora_unet_input_blocks_4_1_proj_in")}), "belongs to none"),
    ],
)
def test_what_is_no_matrix_of_a_layer_is_refused(names: list[str], told: str) -> None:
    with pytest.raises(LoraUnfit, match=told):
        matrices_of(names, PARTS, LAYERS)


def test_kohyas_names_are_those_of_a_u_net() -> None:
    with pytest.raises(LoraUnfit, match="which the model has not"):
        matrices_of(listed(NAMES["kohya"]), {"transformer": nn.Module()}, LAYERS)


WORDS = sorted({word for form in NAMES.values() for name in listed(form) for word in re.split(r"[._]", name)})


@given(
    st.lists(
        st.one_of(
            st.sampled_from([name for form in NAMES.values() for name in listed(form)]),
            st.lists(st.sampled_from(WORDS), max_size=12).flatmap(
                lambda words: st.sampled_from("._").map(lambda dot: dot.join(words))
            ),
            st.lists(st.sampled_from(WORDS), max_size=8).map(
                lambda words: f"lora_unet_{'_'.join(words)}.lora_down.weight"
            ),
            st.text(max_size=20),
        ),
        max_size=12,
        unique=True,
    )
)
def test_any_names_are_refused_or_found(names: list[str]) -> None:
    try:
        found = matrices_of(names, PARTS, LAYERS)
    except LoraUnfit:
        return
    assert set(found) <= set(LAYERS)
    assert sorted(listed(dict(found))) == sorted(names)
