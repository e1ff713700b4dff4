"""Metadata by which a call is made as somebody else's."""

from collections.abc import Sequence
from urllib.parse import quote


def metadata(principal: str, groups: Sequence[str], tenant: str) -> tuple[tuple[str, str], ...]:
    """Name, groups and tenant acted for; no tenant is the key's own."""
    pairs = [("quadrille-principal", quote(principal, safe=""))]
    if groups:
        pairs.append(("quadrille-groups", ",".join(quote(group, safe="") for group in groups)))
    if tenant:
        pairs.append(("quadrille-tenant", tenant))
    return tuple(pairs)
