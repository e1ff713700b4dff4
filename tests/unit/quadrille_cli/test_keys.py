import json
import tomllib

from quadrille_cli.app import app
from serving.auth import KeyStore
from typer.testing import CliRunner


def test_the_printed_entry_admits_the_printed_key(tmp_path):
    result = CliRunner().invoke(app, ["keys", "new", 'al"ice', "--tenant", "acme", "--scope", "text"])
    assert result.exit_code == 0, result.output
    comment, _, entry = result.stdout.partition("\n")
    key = comment.split()[-1]
    (tmp_path / "keys.toml").write_text(entry)
    principal = KeyStore.load(tmp_path / "keys.toml").authenticate(key)
    assert (principal.name, principal.tenant, principal.scopes) == ('al"ice', "acme", {"text"})
    assert key not in entry
    assert len(tomllib.loads(entry)["keys"]) == 1


def test_groups(tmp_path):
    result = CliRunner().invoke(app, ["keys", "new", "al", "--group", "staff", "--group", 'a"b'])
    comment, _, entry = result.stdout.partition("\n")
    (tmp_path / "keys.toml").write_text(entry)
    principal = KeyStore.load(tmp_path / "keys.toml").authenticate(comment.split()[-1])
    assert principal.groups == {"staff", 'a"b'}


def test_as_json():
    result = CliRunner().invoke(app, ["keys", "new", "bob", "--json"])
    told = json.loads(result.stdout)
    assert told["key"].startswith("qd-")
    assert told["entry"]["name"] == "bob"


def test_an_unknown_scope_is_bad_usage():
    assert CliRunner().invoke(app, ["keys", "new", "bob", "--scope", "everything"]).exit_code == 2
