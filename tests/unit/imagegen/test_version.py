from pathlib import Path

from imagegen.models.loading.version import weights_version


def test_a_version_follows_the_weights_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"weights")
    first = weights_version(str(tmp_path))
    (tmp_path / "README.md").write_text("new")
    assert first.startswith("sha256:") and weights_version(str(tmp_path)) == first
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"weightz")
    assert weights_version(str(tmp_path)) != first
    (tmp_path / "unet").rename(tmp_path / "vae")
    (tmp_path / "vae" / "model.safetensors").write_bytes(b"weights")
    assert weights_version(str(tmp_path)) != first
