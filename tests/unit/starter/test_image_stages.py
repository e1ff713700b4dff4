"""All stages fit together: from nothing to figures, in a few steps each."""

import json
from pathlib import Path

import pytest

from starter.image import (
    classifier,
    denoiser,
    denoising,
    evaluate,
    gan,
    latents,
    reader,
    stages,
    transformer,
    vae,
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_from_nothing_to_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (vae, reader, gan, classifier):
        monkeypatch.setitem(module.train.__kwdefaults__, "steps", 2)
        monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(denoising, "BATCH", 8)
    for module in (denoiser, transformer):
        monkeypatch.setattr(module, "RECIPE", denoising.Recipe(2, 1e-3))
    monkeypatch.setitem(latents.load.__kwdefaults__, "count", 32)
    monkeypatch.setitem(denoising.train.__kwdefaults__, "scenes", 32)
    monkeypatch.setattr(evaluate, "STEPS", 1)
    for figures_of in (evaluate.vae_figures, evaluate.gan_figures):
        monkeypatch.setitem(figures_of.__wrapped__.__kwdefaults__, "count", 4)  # type: ignore[attr-defined]
    run = stages.Run(tmp_path / "work", tmp_path)
    stages.run_all(run)
    figures = evaluate.evaluate(tmp_path, count=4)
    assert figures["true_pictures"]["seen"]["joint"] == 1
    assert {"unet", "transformer", "vae", "gan"} <= set(figures)
    capsys.readouterr()
    stages.peek(run)
    said = capsys.readouterr().out
    assert "unet" in json.loads(said[said.index("{\n") :])
