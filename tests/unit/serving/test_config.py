import pytest
from pydantic import Field
from serving.config import CommaList, ServiceSettings, is_loopback, load_settings


class DemoSettings(ServiceSettings, service="demo"):
    models: CommaList = Field(("a",), description="Models.")
    rows: int = Field(8, ge=1, description="Rows.")


@pytest.fixture(autouse=True)
def no_config(monkeypatch):
    monkeypatch.delenv("QUADRILLE_CONFIG", raising=False)


def failure(capsys) -> str:
    with pytest.raises(SystemExit) as stopped:
        load_settings(DemoSettings)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_defaults_then_file_then_environment(monkeypatch, tmp_path):
    assert load_settings(DemoSettings).rows == 8
    path = tmp_path / "quadrille.toml"
    path.write_text('[demo]\nrows = 9\nmodels = ["x", "y"]\n[textgen]\nrows = 1\n')
    monkeypatch.setenv("QUADRILLE_CONFIG", str(path))
    assert load_settings(DemoSettings).rows == 9
    assert load_settings(DemoSettings).models == ("x", "y")
    monkeypatch.setenv("QUADRILLE_DEMO_ROWS", "10")
    monkeypatch.setenv("QUADRILLE_DEMO_MODELS", "p, q")
    assert load_settings(DemoSettings).rows == 10
    assert load_settings(DemoSettings).models == ("p", "q")


def test_a_bad_value_is_named(monkeypatch, capsys):
    monkeypatch.setenv("QUADRILLE_DEMO_ROWS", "many")
    sentence = failure(capsys)
    assert "QUADRILLE_DEMO_ROWS" in sentence
    assert "'many'" in sentence


def test_an_unknown_variable_is_named(monkeypatch, capsys):
    monkeypatch.setenv("QUADRILLE_DEMO_ROW", "1")
    assert "QUADRILLE_DEMO_ROW is not an option" in failure(capsys)


def test_an_unknown_name_in_the_file_is_named(monkeypatch, capsys, tmp_path):
    path = tmp_path / "quadrille.toml"
    path.write_text("[demo]\nrow = 9\n")
    monkeypatch.setenv("QUADRILLE_CONFIG", str(path))
    assert "row" in failure(capsys)


def test_a_table_of_no_service_is_named(monkeypatch, capsys, tmp_path):
    path = tmp_path / "quadrille.toml"
    path.write_text("[textgn]\nport = 9\n")
    monkeypatch.setenv("QUADRILLE_CONFIG", str(path))
    assert "textgn is no service" in failure(capsys)


def test_a_missing_or_broken_file_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("QUADRILLE_CONFIG", str(tmp_path / "none.toml"))
    assert "none.toml" in failure(capsys)
    (tmp_path / "none.toml").write_text("[demo\n")
    assert "cannot start" in failure(capsys)


def test_listening_beyond_loopback_needs_keys_or_intent(monkeypatch, capsys):
    monkeypatch.setenv("QUADRILLE_DEMO_HOST", "0.0.0.0")
    assert "api_keys_file" in failure(capsys)
    monkeypatch.setenv("QUADRILLE_DEMO_ALLOW_ANONYMOUS", "true")
    assert load_settings(DemoSettings).host == "0.0.0.0"


def test_half_of_tls_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("QUADRILLE_DEMO_TLS_CERTIFICATE", "cert.pem")
    assert "tls_certificate and tls_key are set together" in failure(capsys)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bad_pem_file_is_named_with_its_option(monkeypatch, capsys, tmp_path, content):
    path = tmp_path / "bad.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("QUADRILLE_DEMO_TLS_CLIENT_CA", str(path))
    sentence = failure(capsys)
    assert "QUADRILLE_DEMO_TLS_CLIENT_CA" in sentence
    assert str(path) in sentence
    monkeypatch.delenv("QUADRILLE_DEMO_TLS_CLIENT_CA")
    for option in ("CERTIFICATE", "KEY"):
        monkeypatch.setenv(f"QUADRILLE_DEMO_TLS_{option}", str(path))
    sentence = failure(capsys)
    assert "tls_certificate and tls_key: " in sentence
    assert str(path) in sentence


def test_a_key_of_another_certificate_is_refused(monkeypatch, capsys, certificates):
    monkeypatch.setenv("QUADRILLE_DEMO_TLS_CERTIFICATE", str(certificates.server.certificate))
    monkeypatch.setenv("QUADRILLE_DEMO_TLS_KEY", str(certificates.client.key))
    assert "are no PEM certificate and its key" in failure(capsys)
    monkeypatch.setenv("QUADRILLE_DEMO_TLS_KEY", str(certificates.server.key))
    assert load_settings(DemoSettings).server_tls.certificate == certificates.server.certificate


KEY_FILES = {
    "missing": None,
    "toml": "[[keys",
    "digest": '[[keys]]\nname = "a"\nsha256 = "zz"\n',
    "empty": "",
}


@pytest.mark.parametrize("content", KEY_FILES.values(), ids=KEY_FILES)
def test_a_bad_key_file_is_named_in_one_sentence(monkeypatch, capsys, tmp_path, content):
    path = tmp_path / "keys.toml"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("QUADRILLE_DEMO_API_KEYS_FILE", str(path))
    sentence = failure(capsys)
    assert sentence.count("\n") == 1
    assert "QUADRILLE_DEMO_API_KEYS_FILE" in sentence
    assert str(path) in sentence


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load_settings(DemoSettings).rows = 3


HOSTS = {"127.0.0.1": True, "[::1]": True, "localhost": True, "0.0.0.0": False, "example.org": False}


@pytest.mark.parametrize(("host", "inside"), HOSTS.items())
def test_is_loopback(host, inside):
    assert is_loopback(host) is inside
