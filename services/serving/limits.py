"""What a key and its tenant may use."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Count = Annotated[int, Field(ge=1, le=10**15)]


class Limits(BaseModel):
    """Bounds on use; None is without one. Tokens are those read and those generated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    tokens_per_day: _Count | None = None  # a day of UTC
    concurrent_requests: _Count | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller's key and tenant are held to, as the key file says it.

    `priority` orders callers, the higher first, before fairness does; `weight` is the tenant's part of what tenants
    of one priority share.
    """

    key: str = ""  # tenant and name of the key that was shown, "acme/alice"; "" where none is asked for
    limits: Limits = UNLIMITED
    priority: int = 0
    tenant_limits: Limits = UNLIMITED
    weight: float = 1.0


FREE = Standing()
