import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.auth import ApiKey, KeyStore, bearer, digest, new_key, require, scope_of
from serving.delegation import ActingFor
from serving.errors import PermissionDenied, Unauthenticated

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
