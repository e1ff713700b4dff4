"""Who calls."""

from serving.call import current_call

from retrieval.domain import EVERYTHING, Access


def tenant() -> str:
    """Return the caller's tenant, which is part of every address; never the request's to choose."""
    return current_call().principal.tenant


def access() -> Access:
    """Return as whom the caller reads documents: an administrator everything, others as themselves."""
    principal = current_call().principal
    if "admin" in principal.scopes:
        return EVERYTHING
    groups = (f"group:{group}" for group in principal.groups)
    return frozenset((f"principal:{principal.name}", *groups))
