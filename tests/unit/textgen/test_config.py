import pytest
from serving.config import load_settings
from textgen.config import TextgenSettings


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("MODELS", ""),
        ("MODELS", "=x"),
        ("DTYPE", "int4"),
        ("DEVICE", "toaster"),
        ("MAX_WAITING", "-1"),
        ("LORAS", "llm/"),
        ("LORAS", "a,.b"),
        ("LORA_DIR", "/nowhere"),
    ],
)
def test_a_bad_value_stops_the_start_with_a_sentence_that_names_it(monkeypatch, capsys, option, value):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)
    monkeypatch.setenv(f"QUADRILLE_TEXTGEN_{option}", value)
    with pytest.raises(SystemExit, match="2"):
        load_settings(TextgenSettings)
    said = capsys.readouterr().err
    assert said.startswith(f"textgen cannot start: QUADRILLE_TEXTGEN_{option} ")


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices(device):
    assert TextgenSettings(device=device).device == device
