import pytest
from gateway.config import GatewaySettings
from pydantic import ValidationError


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)


def test_fallbacks_are_lists_by_name_in_the_environment_and_in_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("QUADRILLE_GATEWAY_MODEL_FALLBACKS", '{"large": "small, tiny", "best": ["large"]}')
    assert GatewaySettings().model_fallbacks == {"large": ("small", "tiny"), "best": ("large",)}
    monkeypatch.delenv("QUADRILLE_GATEWAY_MODEL_FALLBACKS")
    path = tmp_path / "quadrille.toml"
    path.write_text('[gateway.model_fallbacks]\nlarge = "small,tiny"\n')
    monkeypatch.setenv("QUADRILLE_CONFIG", str(path))
    assert GatewaySettings().model_fallbacks == {"large": ("small", "tiny")}


def test_the_empty_name_has_no_fallback():
    with pytest.raises(ValidationError, match="model_fallbacks"):
        GatewaySettings(model_fallbacks={"": ("small",)})
