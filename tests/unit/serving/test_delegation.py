import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.call import Principal
from serving.delegation import GROUPS_KEY, PRINCIPAL_KEY, ActingFor, acting_for, on_behalf
from serving.errors import InvalidInput

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


@given(NAMES, st.sets(NAMES, max_size=5))
def test_a_backend_reads_what_a_delegate_says(name, groups):
    principal = Principal(name, "acme", frozenset({"retrieval"}), frozenset(groups))
    metadata = on_behalf(principal)
    assert all(value.isascii() and value.isprintable() and " " not in value for value in metadata.values())
    assert acting_for(metadata) == ActingFor("acme", name, frozenset(groups))


def test_an_administrators_call_is_the_delegates_own():
    assert on_behalf(Principal("root", "acme")) == {"quadrille-tenant": "acme"}
    assert acting_for({}) == ActingFor(None, None, frozenset())


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({GROUPS_KEY: "staff"}, GROUPS_KEY),
        ({PRINCIPAL_KEY: ""}, PRINCIPAL_KEY),
        ({PRINCIPAL_KEY: "x" * 129}, PRINCIPAL_KEY),
        ({PRINCIPAL_KEY: "%ff"}, PRINCIPAL_KEY),
        ({PRINCIPAL_KEY: "a", GROUPS_KEY: "b,,c"}, GROUPS_KEY),
        ({PRINCIPAL_KEY: "a", GROUPS_KEY: ",".join(map(str, range(65)))}, GROUPS_KEY),
    ],
)
def test_what_is_no_name_is_refused(metadata, field):
    with pytest.raises(InvalidInput, match=field):
        acting_for(metadata)
