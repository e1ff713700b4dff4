"""The file of API keys: TOML, with SHA-256 digests in place of the keys.

    [[keys]]
    name = "alice"
    sha256 = "<hex digest of the key>"
    tenant = "acme"
    scopes = ["text", "image", "retrieval", "gateway"]
    groups = ["staff"]    # whose documents it may read, besides its own
    priority = 10         # the gateway serves higher ones first
    created = 2026-11-26T12:00:00Z
    expires = 2027-11-26T12:00:00Z
    limits = { requests_per_minute = 60, tokens_per_minute = 10000, tokens_per_day = 1000000, concurrent_requests = 4 }

    [tenants.acme]
    weight = 2.0          # twice the part of a tenant that has none
    limits = { tokens_per_minute = 50000 }

Keys of one name and tenant are one caller's: while a key is rotated its successor stands beside it, and both share
its limits.
A digest needs no salt or stretching here, because keys are random and long, never chosen by people.
"""

import hashlib
import secrets
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from serving.call import SCOPES
from serving.delegation import MAX_GROUPS
from serving.limits import UNLIMITED, Limits

TENANT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_ID_DIGITS = 12


class ApiKey(BaseModel):
    """One entry of the key file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=128)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tenant: str = Field(default="default", pattern=TENANT_PATTERN)
    scopes: frozenset[str] = frozenset({"text", "image", "retrieval", "gateway"})
    groups: frozenset[Annotated[str, Field(min_length=1, max_length=128)]] = Field(
        default=frozenset(), max_length=MAX_GROUPS
    )
    priority: int = Field(default=0, ge=-100, le=100)
    limits: Limits = UNLIMITED
    created: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    revoked: bool = False

    @field_validator("scopes")
    @classmethod
    def _known(cls, scopes: frozenset[str]) -> frozenset[str]:
        if unknown := scopes - SCOPES:
            raise ValueError(f"unknown scopes {sorted(unknown)}; there are {sorted(SCOPES)}")
        return scopes

    @property
    def id(self) -> str:
        """Tells keys of one name apart, and nothing of the key."""
        return key_id(self.sha256)

    def admits(self, now: datetime) -> bool:
        """Whether its holder may enter."""
        return not self.revoked and (self.expires is None or now < self.expires)


class Tenant(BaseModel):
    """What the keys of a tenant share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    limits: Limits = UNLIMITED


class KeyFile(BaseModel):
    """All of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: list[ApiKey]
    tenants: dict[Annotated[str, Field(pattern=TENANT_PATTERN)], Tenant] = {}


def read_keys(path: Path) -> KeyFile:
    """The key file's content. Raises ValueError that says what is wrong with it."""
    try:
        return KeyFile.model_validate(tomllib.loads(path.read_text()))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path}: {place}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def digest(token: str) -> str:
    """What the key file holds of a key."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def key_id(sha256: str) -> str:
    """The digest's beginning, by which a key is spoken of."""
    return sha256[:_ID_DIGITS]


def new_key() -> str:
    """A new random key of 256 bits."""
    return f"qd-{secrets.token_urlsafe(32)}"
