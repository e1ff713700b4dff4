"""Acting for somebody: the metadata by which a delegate says for whom it calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from serving.call import TENANT_KEY, Principal
from serving.errors import InvalidInput

PRINCIPAL_KEY = "quadrille-principal"  # metadata: the name acted for, percent-encoded
GROUPS_KEY = "quadrille-groups"  # metadata: the groups of that name, percent-encoded, joined by commas
MAX_NAME_LENGTH = 128
MAX_GROUPS = 64
# Of one call: room for so many groups, each character up to 12 bytes when percent-encoded, and what else there is.
MAX_METADATA_BYTES = MAX_GROUPS * 12 * MAX_NAME_LENGTH + 16 * 1024


@dataclass(frozen=True, slots=True)
class ActingFor:
    """For whom a call is made; None where the caller is that itself. Groups go with a name."""

    tenant: str | None = None
    name: str | None = None
    groups: frozenset[str] = frozenset()


NOBODY = ActingFor()


def acting_for(metadata: Mapping[str, str]) -> ActingFor:
    """Read what a call's metadata say; raises InvalidInput for names that are none."""
    tenant, name, groups = map(metadata.get, (TENANT_KEY, PRINCIPAL_KEY, GROUPS_KEY))
    if tenant is name is groups is None:
        return NOBODY
    if name is None and groups is not None:
        raise InvalidInput(GROUPS_KEY, f"goes with {PRINCIPAL_KEY}")
    listed = groups.split(",") if groups else []
    if len(listed) > MAX_GROUPS:
        raise InvalidInput(GROUPS_KEY, f"must be at most {MAX_GROUPS}")
    return ActingFor(
        tenant,
        None if name is None else _decoded(name, PRINCIPAL_KEY),
        frozenset(_decoded(group, GROUPS_KEY) for group in listed),
    )


def on_behalf(principal: Principal) -> dict[str, str]:
    """Metadata that make a backend see a call as this principal's. An administrator's is the delegate's own."""
    tenant = {TENANT_KEY: principal.tenant}
    if "admin" in principal.scopes:
        return tenant
    groups = ",".join(quote(group, safe="") for group in sorted(principal.groups))
    named = {PRINCIPAL_KEY: quote(principal.name, safe="")}
    return tenant | named | ({GROUPS_KEY: groups} if groups else {})


def _decoded(value: str, field: str) -> str:
    try:
        name = unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidInput(field, "must be UTF-8, percent-encoded") from None
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidInput(field, f"must be 1 to {MAX_NAME_LENGTH} characters")
    return name
