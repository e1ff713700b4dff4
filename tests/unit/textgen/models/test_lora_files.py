import json
from hashlib import sha256

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from serving.loras import LoraLimit, LoraUnfit
from textgen.models.lora_files import read_adapter

LINEARS = {"model.layers.0.self_attn.q_proj": (6, 4), "model.layers.0.mlp.up_proj": (6, 10)}
Q, UP = LINEARS
# What PEFT writes beside it when all is as it begins.
DEFAULTS = {
    "alpha_pattern": {},
    "auto_mapping": None,
    "base_model_name_or_path": "a/b",
    "eva_config": None,
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layers_to_transform": None,
    "loftq_config": {},
    "lora_bias": False,
    "lora_dropout": 0.1,
    "megatron_core": "megatron.core",
    "modules_to_save": None,
    "peft_version": "0.18.0",
    "qalora_group_size": 16,
    "rank_pattern": {},
    "task_type": "CAUSAL_LM",
    "use_dora": False,
}
CONFIG = {
    **DEFAULTS,
    "peft_type": "LORA",
    "r": 2,
    "lora_alpha": 8,
    "target_modules": ["q_proj", "up_proj"],
    "bias": "none",
}


def keys(name):
    return (f"base_model.model.{name}.lora_{side}.weight" for side in "AB")


def tensors(rank=2, dtype=torch.float32):
    torch.manual_seed(0)
    found = {}
    for name, (inputs, outputs) in LINEARS.items():
        down, up = keys(name)
        found[down], found[up] = (
            torch.randn(rank, inputs, dtype=dtype),
            torch.randn(outputs, rank, dtype=dtype),
        )
    return found


@pytest.fixture
def write(tmp_path):
    def folder(config=None, weights=None, **changes):
        content = config if isinstance(config, bytes) else json.dumps({**CONFIG, **changes}).encode()
        (tmp_path / "adapter_config.json").write_bytes(content)
        weights = weights if isinstance(weights, bytes) else save(tensors() if weights is None else weights)
        (tmp_path / "adapter_model.safetensors").write_bytes(weights)
        return tmp_path

    return folder


def read(folder, dtype=torch.float32, max_rank=16, max_bytes=1024):
    return read_adapter(folder, LINEARS, dtype, max_rank=max_rank, max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("changes", "scale"), [({}, 4.0), ({"use_rslora": True}, 8 / 2**0.5), ({"lora_alpha": 0.5}, 0.25)]
)
def test_the_scale_is_in_the_second_matrix(write, changes, scale):
    files, plain = read(write(**changes)), tensors()
    assert (files.rank, files.size_bytes, set(files.pairs)) == (2, 4 * 2 * (6 + 4 + 6 + 10), set(LINEARS))
    for name, (down, up) in files.pairs.items():
        first, second = keys(name)
        torch.testing.assert_close(down, plain[first])
        torch.testing.assert_close(up, scale * plain[second])


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("wanted", [torch.float32, torch.bfloat16])
def test_numbers_become_those_of_the_model(write, stored, wanted):
    files = read(write(weights=tensors(dtype=stored)), wanted)
    assert {each.dtype for pair in files.pairs.values() for each in pair} == {wanted}
    assert files.size_bytes == wanted.itemsize * 52


def test_the_digest_is_of_all_that_counts(write):
    first = read(write()).sha256
    assert read(write()).sha256 == first
    assert (
        len(
            {
                first,
                read(write(lora_alpha=4)).sha256,
                read(write(weights=tensors(dtype=torch.float16))).sha256,
            }
        )
        == 3
    )
    assert len(bytes.fromhex(first)) == len(sha256().digest())


@pytest.mark.parametrize(
    "changes",
    [
        {"peft_type": "IA3"},
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"bias": "all"},
        {"bias": ["none"]},
        {"rank_pattern": {"q_proj": 4}},
        {"alpha_pattern": {"q_proj": 4}},
        {"layer_replication": [[0, 1]]},
        {"trainable_token_indices": [1]},
        {"target_parameters": ["x"]},
        {"what_is_not_yet_known": 1},
        {"init_lora_weights": "pissa_niter_4"},
        {"init_lora_weights": ["eva"]},
        {"r": 0},
        {"r": True},
        {"r": 2.0},
        {"r": 3},
        {"r": None},
        {"lora_alpha": "8"},
        {"lora_alpha": float("nan")},
        {"lora_alpha": float("inf")},
        {"lora_alpha": 10**400},
        {"target_modules": ["q_proj", "v_proj"]},
        {"target_modules": [None]},
    ],
)
def test_what_is_not_served_is_refused(write, changes):
    with pytest.raises(LoraUnfit) as caught:
        read(write(**changes))
    assert caught.value.reason == "LORA_UNFIT"


def changed(**changes):
    found = tensors()
    for name, tensor in changes.items():
        found.pop(name) if tensor is None else found.update({name: tensor})
    return found


@pytest.mark.parametrize(
    "weights",
    [
        {},
        b"",
        b"\xff" * 100,
        save(tensors())[:-1],
        changed(**{next(keys(Q)): None}),
        changed(**{next(keys(Q)): torch.zeros(2, 7)}),
        changed(**{next(keys(Q)): torch.zeros(6, 2)}),
        changed(**{next(keys(Q)): torch.zeros(12)}),
        changed(**{next(keys(Q)): torch.zeros(2, 6, dtype=torch.float64)}),
        changed(**{next(keys(Q)): torch.zeros(2, 6, dtype=torch.int8)}),
        changed(**{next(keys(Q)): torch.full((2, 6), float("nan"))}),
        changed(**{key: torch.zeros(2, 2) for key in keys("model.embed_tokens")}),
        changed(**{key: torch.zeros(2, 2) for key in keys("lm_head")}),
        changed(**{"base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector": torch.zeros(4)}),
    ],
)
def test_what_fits_no_layer_is_refused(write, weights):
    with pytest.raises(LoraUnfit):
        read(write(weights=weights))


def test_a_number_that_the_model_cannot_hold_is_refused(write):
    weights = changed(**{next(keys(Q)): torch.full((2, 6), 1e5)})
    read(write(weights=weights))
    with pytest.raises(LoraUnfit, match="finite"):
        read(write(weights=weights), torch.float16)


def test_limits(write):
    assert read(write(), max_rank=2, max_bytes=208).size_bytes == 208
    with pytest.raises(LoraLimit, match="rank"):
        read(write(), max_rank=1)
    with pytest.raises(LoraLimit, match="208 bytes"):
        read(write(), max_bytes=207)
    with pytest.raises(LoraLimit, match="safetensors is over"):
        read(write(weights=b"x" * (2 * 1024 + 1024 * 1024 + 1)))
    with pytest.raises(LoraLimit, match="json is over"):
        read(write(config=b" " * (1024 * 1024 + 1)))


def test_files_that_are_not_there(write, tmp_path):
    with pytest.raises(LoraUnfit, match=r"no adapter_config\.json"):
        read(tmp_path / "none")
    (write() / "adapter_model.safetensors").unlink()
    (tmp_path / "adapter_model.safetensors").mkdir()
    with pytest.raises(LoraUnfit, match=r"no adapter_model\.safetensors"):
        read(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [*CONFIG, "use_dora", "use_rslora", "modules_to_save", "init_lora_weights", "rank_pattern"]
)
CONFIGS = st.one_of(
    st.dictionaries(FIELDS, JSON, max_size=3).map(lambda more: json.dumps({**CONFIG, **more}).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.just(b"[" * 100_000),
)
NAMES = st.sampled_from([*keys(Q), *keys(UP), *keys("lm_head")]) | st.text(max_size=30)
SHAPED = st.tuples(
    st.lists(st.integers(0, 10), max_size=3), st.sampled_from([torch.float32, torch.int64, torch.bool])
)


@st.composite
def damaged(draw):
    """A file of which some bytes are others."""
    content = bytearray(save(tensors()))
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = byte
    return bytes(content[: draw(st.integers(0, len(content)))]) if draw(st.booleans()) else bytes(content)


WEIGHTS = st.one_of(
    st.dictionaries(NAMES, SHAPED, max_size=4).map(
        lambda more: save(
            {**tensors(), **{name: torch.zeros(shape).to(kind) for name, (shape, kind) in more.items()}}
        )
    ),
    damaged(),
    st.binary(max_size=60),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(config=st.none() | CONFIGS, weights=st.none() | WEIGHTS)
def test_any_folder_is_read_or_refused(write, config, weights):
    try:
        files = read(write(config, weights))
    except (LoraUnfit, LoraLimit):
        return
    assert {name: tuple(up.shape) for name, (_, up) in files.pairs.items()}.items() <= {
        name: (outputs, files.rank) for name, (_, outputs) in LINEARS.items()
    }.items()
