from pathlib import Path

import pytest
from imagegen.config import ImagegenSettings, split_reference
from serving.config import load_settings


def test_references() -> None:
    assert split_reference("sd=some/dir") == ("sd", "some/dir")
    assert split_reference("some/dir/") == ("dir", "some/dir/")
    assert split_reference("stabilityai/sd-turbo") == ("sd-turbo", "stabilityai/sd-turbo")


def test_defaults() -> None:
    settings = ImagegenSettings()
    assert (settings.port, settings.metrics_port) == (50052, 9102)
    assert [split_reference(item)[0] for item in settings.models] == [
        "starter",
        "starter-flow",
        "starter-gan",
    ]


def test_environment_lists_models_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRILLE_IMAGEGEN_MODELS", "a=/x, b=/y")
    assert load_settings(ImagegenSettings).models == ("a=/x", "b=/y")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("MODELS", "a=/x,a=/y", "names an id twice"),
        ("MODELS", "=x", "[id=]reference"),
        ("MODELS", "", "MODELS"),
        ("DTYPE", "int4", "QUADRILLE_IMAGEGEN_DTYPE"),
        ("DEVICE", "toaster", "QUADRILLE_IMAGEGEN_DEVICE"),
        ("MAX_RUNNING_ROWS", "4", "max_running_rows must be at least max_batch_rows"),
        ("C2PA_KEY", "/k.pem", "c2pa_certificates and c2pa_key go together"),
        ("C2PA_ALGORITHM", "rot13", "QUADRILLE_IMAGEGEN_C2PA_ALGORITHM"),
        ("C2PA_TIMESTAMP_URL", "ftp://x", "QUADRILLE_IMAGEGEN_C2PA_TIMESTAMP_URL"),
        ("SAFETY_CHECKER", "/no/such/folder", "QUADRILLE_IMAGEGEN_SAFETY_CHECKER"),
        ("SAFETY_POLICY", "ignore", "QUADRILLE_IMAGEGEN_SAFETY_POLICY"),
        ("STALL_SECONDS", "0", "QUADRILLE_IMAGEGEN_STALL_SECONDS"),
        ("LORAS", "starter/", "[model/]name[=folder]"),
        ("LORA_DIR", "/nowhere", "QUADRILLE_IMAGEGEN_LORA_DIR"),
    ],
)
def test_bad_values_stop_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(f"QUADRILLE_IMAGEGEN_{option}", value)
    with pytest.raises(SystemExit, match="2"):
        load_settings(ImagegenSettings)
    assert sentence in capsys.readouterr().err


def test_toml_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "q.toml"
    file.write_text('[imagegen]\nmax_batch_rows = 2\nmodels = ["a=/x"]\n')
    monkeypatch.setenv("QUADRILLE_CONFIG", str(file))
    settings = load_settings(ImagegenSettings)
    assert (settings.max_batch_rows, settings.models) == (2, ("a=/x",))
