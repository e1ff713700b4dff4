"""Who calls."""

from serving.call import current_call


def tenant() -> str:
    """Return the caller's tenant, which is part of every address; never the request's to choose."""
    return current_call().principal.tenant
