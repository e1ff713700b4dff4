import json
import os
import stat
import tomllib
from datetime import timedelta

import pytest
from quadrille_cli.app import app
from serving.auth import KeyStore
from serving.errors import Unauthenticated
from serving.keys import digest, key_id, read_keys
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


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.toml"


def keys(file, *arguments, status=0):
    result = CliRunner().invoke(app, ["keys", *arguments, "--file", str(file)])
    assert result.exit_code == status, result.output
    return result.stdout


def made(file, *arguments):
    return json.loads(keys(file, *arguments, "--json"))["key"]


def states(file):
    return [json.loads(line)["state"] for line in keys(file, "list", "--json").splitlines()]


def test_a_key_is_added_to_the_file_with_its_limits(file):
    file.write_text("# ours\n")
    key = made(file, "new", "ann", "--tokens-per-minute", "500", "--priority", "3", "--expires-in", "2h")
    standing = KeyStore.load(file).authenticate(key).standing
    assert (standing.limits.tokens_per_minute, standing.priority) == (500, 3)
    assert file.read_text().startswith("# ours\n")
    assert key not in file.read_text()
    (told,) = (json.loads(line) for line in keys(file, "list", "--json").splitlines())
    assert (told["name"], told["state"], told["limits"]) == ("ann", "valid", {"tokens_per_minute": 500})
    assert "ann" in keys(file, "list")


def test_both_keys_are_valid_while_one_is_rotated(file):
    old = made(file, "new", "ann", "--tenant", "acme", "--scope", "text", "--requests-per-minute", "9")
    fresh = made(file, "rotate", "ann", "--overlap", "1h")
    store = KeyStore.load(file)
    assert store.authenticate(old) == store.authenticate(fresh)
    third = made(file, "rotate", "ann", "--overlap", "0s")
    assert states(file) == ["expired", "expired", "valid"]
    with pytest.raises(Unauthenticated):
        KeyStore.load(file).authenticate(fresh)
    assert KeyStore.load(file).authenticate(third).tenant == "acme"


def test_a_successor_lives_as_long_as_its_predecessor_was_to(file):
    made(file, "new", "ann", "--expires-in", "2h")
    made(file, "rotate", "ann", "--overlap", "30m")
    old, fresh = read_keys(file).keys
    assert fresh.expires - fresh.created == timedelta(hours=2)
    assert timedelta(0) <= old.expires - old.created - timedelta(minutes=30) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "change", [["new", "bob"], ["rotate", "ann"], ["revoke", "ann"], ["scope", "ann", "text"]]
)
def test_a_damaged_file_is_named_and_left_alone(file, change):
    file.write_text('[[keys]]\nname = "ann"\nsha256 = "zz"\n')
    before = file.read_text()
    result = CliRunner().invoke(app, ["keys", *change, "--file", str(file)])
    assert result.exit_code == 1, result.output
    assert f"{file}: keys.0.sha256" in result.stderr
    assert file.read_text() == before


def test_a_key_is_added_where_there_is_none_yet(file):
    file.write_text("keys = []\n[tenants.acme]\nweight = 2.0\n")
    key = made(file, "new", "ann", "--tenant", "acme")
    assert KeyStore.load(file).authenticate(key).standing.weight == 2.0


def test_scopes_are_set_and_unknown_ones_change_nothing(file):
    key = made(file, "new", "ann")
    keys(file, "scope", "ann", "image", "text")
    assert KeyStore.load(file).authenticate(key).scopes == {"image", "text"}
    before = file.read_text()
    keys(file, "scope", "ann", "everything", status=1)
    assert file.read_text() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_revoked_key_is_refused(file):
    first, second = made(file, "new", "ann"), made(file, "new", "ann")
    keys(file, "revoke", "ann", "--id", key_id(digest(first)))
    assert KeyStore.load(file).authenticate(second).name == "ann"
    with pytest.raises(Unauthenticated):
        KeyStore.load(file).authenticate(first)
    keys(file, "revoke", "ann")
    assert states(file) == ["revoked", "revoked"]
    keys(file, "rotate", "ann", status=2)


@pytest.mark.parametrize("change", [["revoke", "ann"], ["rotate", "ann"], ["scope", "ann", "text"]])
def test_a_name_in_two_tenants_is_two_callers(file, change):
    made(file, "new", "ann", "--tenant", "acme")
    other = made(file, "new", "ann", "--tenant", "beta")
    before = read_keys(file).keys
    keys(file, *change, status=1)
    assert read_keys(file).keys == before
    principal = KeyStore.load(file).authenticate(other)
    keys(file, *change, "--tenant", "acme")
    assert read_keys(file).keys[0] != before[0]
    assert KeyStore.load(file).authenticate(other) == principal
    assert read_keys(file).keys[1] == before[1]


def test_a_changed_file_stays_its_owners(file, monkeypatch):
    made(file, "new", "ann")
    file.chmod(0o640)
    given = []
    monkeypatch.setattr(os, "chown", lambda path, owner, group: given.append((owner, group)))
    keys(file, "revoke", "ann")
    found = file.stat()
    assert set(given) == {(-1, found.st_gid), (found.st_uid, -1)}
    assert stat.S_IMODE(found.st_mode) == 0o640


@pytest.mark.parametrize("arguments", [["revoke", "bob"], ["rotate", "bob"], ["scope", "bob", "text"]])
def test_there_must_be_a_key_of_the_name(file, arguments):
    made(file, "new", "ann")
    keys(file, *arguments, status=1)


@pytest.mark.parametrize("span", ["1", "1w", "-1d", "9999999d"])
def test_a_span_has_a_unit(file, span):
    keys(file, "new", "ann", "--expires-in", span, status=2)
    assert not file.exists()
