from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.auth import KeyStore, bearer, require, scope_of
from serving.delegation import ActingFor
from serving.errors import PermissionDenied, Unauthenticated
from serving.keys import ApiKey, Tenant, digest, new_key
from serving.limits import Limits, Standing

KEY = new_key()


def store(**changes) -> KeyStore:
    return KeyStore([ApiKey(name="alice", sha256=digest(KEY), tenant="acme", **changes)])


def test_without_a_key_file_everyone_is_anonymous():
    principal = KeyStore.load(None).authenticate(None)
    assert (principal.name, principal.tenant) == ("anonymous", "default")
    require(principal, "admin")


def test_a_valid_key_tells_who_and_what():
    principal = store(scopes={"text"}).authenticate(KEY)
    assert (principal.name, principal.tenant, principal.scopes) == ("alice", "acme", frozenset({"text"}))
    with pytest.raises(PermissionDenied):
        require(principal, "image")


@pytest.mark.parametrize("token", [None, "", "qd-wrong", "' OR 1=1 --", KEY + " ", "\udcff"])
def test_other_keys_are_refused(token):
    with pytest.raises(Unauthenticated):
        store().authenticate(token)


def test_a_revoked_key_is_refused():
    with pytest.raises(Unauthenticated):
        store(revoked=True).authenticate(KEY)


def test_only_delegates_act_for_another_tenant():
    with pytest.raises(PermissionDenied):
        store().authenticate(KEY, acting=ActingFor("other"))
    assert store().authenticate(KEY, acting=ActingFor("acme")).tenant == "acme"
    assert (
        store(scopes={"delegate", "retrieval"}).authenticate(KEY, acting=ActingFor("other")).tenant == "other"
    )


def test_who_acts_for_a_name_leaves_its_own_rights_aside():
    acting = ActingFor("other", "bob", frozenset({"staff"}))
    with pytest.raises(PermissionDenied, match="principal"):
        store().authenticate(KEY, ActingFor(name="bob"))
    principal = store(scopes={"delegate", "admin", "text"}, groups={"own"}).authenticate(KEY, acting)
    assert (principal.name, principal.tenant) == ("bob", "other")
    assert (principal.scopes, principal.groups) == ({"text"}, {"staff"})
    assert "admin" not in KeyStore().authenticate(None, acting).scopes
    assert store(groups={"own"}).authenticate(KEY).groups == {"own"}


def test_key_file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(f'[[keys]]\nname = "a"\nsha256 = "{digest(KEY)}"\nscopes = ["text"]\n')
    assert KeyStore.load(path).authenticate(KEY).name == "a"
    path.write_text(f'[[keys]]\nname = "a"\nsha256 = "{digest(KEY)}"\nscopes = ["everything"]\n')
    with pytest.raises(ValueError, match="unknown scopes"):
        KeyStore.load(path)


@pytest.mark.parametrize(
    ("method", "scope"),
    [
        ("/quadrille.text.v1.TextService/Embed", "text"),
        ("/quadrille.retrieval.v1.SearchService/Search", "retrieval"),
        ("/quadrille.retrieval.v1.AdminService/Restore", "admin"),
        ("/quadrille.text.v1.AdapterService/LoadLora", "admin"),
        ("/quadrille.image.v1.AdapterService/ListLoras", "admin"),
        ("/quadrille.gateway.v1.RagService/Ask", "gateway"),
        ("/inference.GRPCInferenceService/ModelInfer", "text"),
        ("/other.Service/Call", "admin"),
    ],
)
def test_scope_of_a_method(method, scope):
    assert scope_of(method) == scope


@given(st.text())
def test_bearer_never_fails(header):
    token = bearer(header)
    assert token is None or token in header


def test_bearer_reads_the_scheme_in_any_case():
    assert bearer("bearer abc") == bearer("Bearer abc ") == "abc"
    assert bearer("Basic abc") is None


def test_a_principal_knows_what_key_and_tenant_are_held_to():
    limits = Limits(requests_per_minute=60)
    shared = Tenant(weight=2.0, limits=Limits(tokens_per_day=1000))
    key = ApiKey(name="alice", sha256=digest(KEY), tenant="acme", priority=7, limits=limits)
    standing = KeyStore([key], {"acme": shared}).authenticate(KEY).standing
    assert standing == Standing("acme/alice", limits, 7, shared.limits, 2.0)
    assert KeyStore([key]).authenticate(KEY).standing == Standing("acme/alice", limits, 7)


def test_who_acts_for_a_tenant_is_held_to_that_tenants_limits():
    shared = Tenant(weight=3.0)
    key = ApiKey(name="door", sha256=digest(KEY), scopes={"delegate", "text"}, tenant="own")
    principal = KeyStore([key], {"acme": shared}).authenticate(KEY, ActingFor("acme", "ann"))
    assert (principal.name, principal.standing.key, principal.standing.weight) == ("ann", "own/door", 3.0)


def test_an_expired_key_is_refused_from_that_moment_on():
    until = datetime(2026, 11, 26, tzinfo=UTC)
    moment = [until - timedelta(microseconds=1)]
    key = ApiKey(name="alice", sha256=digest(KEY), expires=until)
    keys = KeyStore([key], now=lambda: moment[0])
    assert keys.authenticate(KEY).name == "alice"
    moment[0] = until
    with pytest.raises(Unauthenticated):
        keys.authenticate(KEY)


def test_keys_of_one_name_in_two_tenants_are_two_callers():
    other = new_key()
    keys = KeyStore(
        ApiKey(name="alice", sha256=digest(token), tenant=tenant)
        for token, tenant in ((KEY, "acme"), (other, "beta"))
    )
    assert keys.authenticate(KEY).standing.key != keys.authenticate(other).standing.key


def test_keys_of_one_name_are_valid_side_by_side():
    other = new_key()
    keys = KeyStore([ApiKey(name="alice", sha256=digest(token)) for token in (KEY, other)])
    assert keys.authenticate(KEY) == keys.authenticate(other)
