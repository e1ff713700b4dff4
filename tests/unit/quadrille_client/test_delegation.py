from quadrille_client import delegation
from serving.delegation import ActingFor, acting_for


def test_servers_read_what_the_client_writes():
    groups = frozenset({"night shift", "day,shift"})
    written = delegation.metadata("jörg", sorted(groups), "acme")
    assert acting_for(dict(written)) == ActingFor("acme", "jörg", groups)
    assert acting_for(dict(delegation.metadata("ann", (), ""))) == ActingFor(None, "ann", frozenset())
