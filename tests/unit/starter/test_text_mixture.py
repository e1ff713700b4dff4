"""The mixture of experts is an ordinary Mixtral folder, and trains by the dense recipe."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from textgen.models.loading import LoadOptions, load_checkpoint
from transformers import AutoModelForCausalLM, LlamaForCausalLM, MixtralForCausalLM, PreTrainedTokenizerFast

from starter import folder
from starter.folder import load_tokenizer
from starter.muon import StackedMuon
from starter.optimizers import Optimizers
from starter.text import evaluate_mixture, heldout, train
from starter.text.grounded import Draw
from starter.text.model import SIZES, Size, build, count
from starter.text.plan import Phase, Plan
from starter.text.routing import router_loss

FOLDER = Path(__file__).parents[3] / "starter" / "text" / "model"
FEW = Size(5, 48, 3, 32, experts=4)
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return load_tokenizer(FOLDER)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(SIZES, "few", FEW)
    monkeypatch.setattr(train, "compiled", lambda module: module)
    return "few"


def test_it_has_the_experts_and_the_size_that_are_promised(tokenizer: PreTrainedTokenizerFast) -> None:
    mixture, lean = build(tokenizer, "mixture"), build(tokenizer, "lean")
    assert type(mixture) is MixtralForCausalLM and type(lean) is LlamaForCausalLM
    assert (mixture.config.num_local_experts, mixture.config.num_experts_per_tok) == (8, 2)
    parameters = count(mixture)
    assert parameters.all * 2 <= 14 * MEGABYTE
    routers = sum(p.numel() for name, p in mixture.named_parameters() if name.endswith("mlp.gate.weight"))
    assert parameters.active == count(lean).all + routers
    assert count(lean).active == count(lean).all
    width = mixture.config.hidden_size
    assert parameters.all - parameters.without_embeddings == len(tokenizer) * width


def test_every_parameter_has_one_optimizer(tokenizer: PreTrainedTokenizerFast, few: str) -> None:
    model = build(tokenizer, few)
    optimizers = Optimizers(model, train.is_inner, matrix_rate=0.02, peak_rate=1e-3).all
    moved = [id(p) for o in optimizers for group in o.param_groups for p in group["params"]]
    assert sorted(moved) == sorted(id(p) for p in model.parameters())
    assert any(isinstance(optimizer, StackedMuon) for optimizer in optimizers)
    routers = [p for name, p in model.named_parameters() if name.endswith("mlp.gate.weight")]
    of_adam = {id(p) for p in optimizers[0].param_groups[0]["params"]}
    assert routers and {id(router) for router in routers} <= of_adam


def test_the_router_loss_is_least_when_experts_are_busy_alike() -> None:
    real = torch.tensor([[True] * 4 + [False] * 2])
    alike = torch.tensor(
        [[9.0, 9, 0, 0], [9, 9, 0, 0], [0, 0, 9, 9], [0, 0, 9, 9], [9, 0, 0, 9], [9, 0, 0, 9]]
    )
    crowded = torch.tensor([[9.0, 9, 0, 0]] * 6)
    assert router_loss((alike,), real).item() == pytest.approx(1.0, abs=1e-3)
    assert router_loss((crowded,), real).item() == pytest.approx(2.0, abs=1e-3)
    # Layers that are crowded each in another way do not make up for one another.
    assert router_loss((crowded, crowded.flip(1)), real).item() == pytest.approx(2.0, abs=1e-3)
    changed = alike.clone()
    changed[4:] = torch.tensor([9.0, 9, 0, 0])  # padding
    assert router_loss((changed,), real) == router_loss((alike,), real)


def test_a_few_steps_lower_its_loss_and_the_router_loss_counts(
    tokenizer: PreTrainedTokenizerFast, few: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = heldout.batches(tokenizer, count=1)
    seen: list[torch.Tensor] = []

    def counting(logits: tuple[torch.Tensor, ...], real: torch.Tensor) -> torch.Tensor:
        seen.append(router_loss(logits, real))
        return seen[-1]

    monkeypatch.setattr(train, "router_loss", counting)
    plan = Plan(8, batch_tokens=384, phases=(Phase(0.0, 0.1, Draw(max_sentences=3, real_words=True)),))
    torch.manual_seed(0)
    before = heldout.losses(build(tokenizer, few), held_out)["loss"]
    model = train.train(tmp_path, tokenizer, seed=0, size=few, plan=plan)
    assert heldout.losses(model, held_out)["loss"] < before - 0.02
    assert len(seen) == 8
    gradients = []
    for weight in (0.0, 0.01):
        monkeypatch.setattr(train, "ROUTER_WEIGHT", weight)
        model = train.train(tmp_path / str(weight), tokenizer, seed=0, size=few, plan=replace(plan, steps=1))
        gradients.append(model.model.layers[0].mlp.gate.weight.grad)
    assert not torch.allclose(*gradients, rtol=1e-3)


def test_its_folder_loads_as_any_mixtral_and_in_the_engine(
    tokenizer: PreTrainedTokenizerFast, few: str, tmp_path: Path
) -> None:
    model = build(tokenizer, few).eval()
    ids = torch.tensor([tokenizer("Which port does the gateway listen on?").input_ids])
    folder.save(model, tokenizer, tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, use_safetensors=True, dtype="float32").eval()
    assert type(again) is MixtralForCausalLM
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".py"}]
    loaded = load_checkpoint("mixture", str(tmp_path), LoadOptions(torch.float32, torch.device("cpu")))
    assert loaded.info.parameter_count == count(again).all
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, again(ids).logits)


def test_its_figures(tokenizer: PreTrainedTokenizerFast, few: str, tmp_path: Path) -> None:
    folder.save(build(tokenizer, few), tokenizer, tmp_path)
    figures = evaluate_mixture.evaluate(tmp_path, count=2)
    assert figures["active_parameters"] < figures["parameters"]
    assert {"exact_match", "false_abstention"} <= set(figures["grounded_entities"])
    assert "abstention" in figures["grounded_unanswerable"]
    assert figures["held_out"]["loss"] > 5
