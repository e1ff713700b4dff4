"""API keys: kept as SHA-256 digests in a TOML file, each with a tenant and scopes.

    [[keys]]
    name = "alice"
    sha256 = "<hex digest of the key>"
    tenant = "acme"
    scopes = ["text", "image", "retrieval", "gateway"]
    groups = ["staff"]    # whose documents it may read, besides its own

A digest needs no salt or stretching here, because keys are random and long, never chosen by people.
"""

import hashlib
import secrets
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from serving.call import SCOPES, Principal
from serving.delegation import MAX_GROUPS, NOBODY, ActingFor
from serving.errors import PermissionDenied, Unauthenticated

_ADMIN_SERVICES = frozenset(
    {
        "quadrille.retrieval.v1.AdminService",
        "quadrille.text.v1.AdapterService",
        "quadrille.image.v1.AdapterService",
    }
)
TENANT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


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
    revoked: bool = False

    @field_validator("scopes")
    @classmethod
    def _known(cls, scopes: frozenset[str]) -> frozenset[str]:
        if unknown := scopes - SCOPES:
            raise ValueError(f"unknown scopes {sorted(unknown)}; there are {sorted(SCOPES)}")
        return scopes


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[ApiKey]


class KeyStore:
    """The keys that a server accepts; with none configured every caller is anonymous and may do all."""

    def __init__(self, keys: list[ApiKey] | None = None) -> None:
        self.enabled = keys is not None
        self._by_digest = {key.sha256: key for key in keys or []}

    @classmethod
    def load(cls, path: Path | None) -> "KeyStore":
        """Read a key file; None makes a store that asks for no key. Raises ValueError that says what is wrong."""
        if path is None:
            return cls()
        try:
            return cls(_KeyFile.model_validate(tomllib.loads(path.read_text())).keys)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{path}: {place}: {first['msg']}") from error
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error

    def authenticate(self, token: str | None, acting: ActingFor = NOBODY) -> Principal:
        """Who holds this token, or whom its holder acts for, which takes the scope "delegate".

        Who acts for a name leaves "admin" and "delegate" aside. Raises Unauthenticated, and PermissionDenied for
        whom the key may not act for.
        """
        if not self.enabled:
            return _as(Principal(), acting)
        key = self._by_digest.get(digest(token)) if token else None
        if key is None or key.revoked:
            raise Unauthenticated("a valid API key is needed: send metadata 'authorization: Bearer <key>'")
        if "delegate" not in key.scopes:
            if acting.tenant and acting.tenant != key.tenant:
                raise PermissionDenied("this key may not act for another tenant")
            if acting.name is not None:
                raise PermissionDenied("this key may not act for another principal")
        return _as(Principal(key.name, key.tenant, key.scopes, key.groups), acting)


def _as(principal: Principal, acting: ActingFor) -> Principal:
    if acting is NOBODY:
        return principal
    principal = replace(principal, tenant=acting.tenant or principal.tenant)
    if acting.name is None:
        return principal
    scopes = principal.scopes - {"admin", "delegate"}
    return replace(principal, name=acting.name, groups=acting.groups, scopes=scopes)


def require(principal: Principal, scope: str) -> None:
    """Raise PermissionDenied unless the principal has the scope."""
    if scope not in principal.scopes:
        raise PermissionDenied(f"this key lacks the scope {scope!r}")


def scope_of(method: str) -> str:
    """The scope that a method needs: "admin", or its package, e.g. "text" for /quadrille.text.v1.TextService/Embed."""
    service = method.removeprefix("/").partition("/")[0]
    if service in _ADMIN_SERVICES:
        return "admin"
    parts = service.split(".")
    return parts[1] if parts[0] == "quadrille" and len(parts) > 2 else "admin"


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization value, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def digest(token: str) -> str:
    """What the key file holds of a key."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """A new random key of 256 bits."""
    return f"qd-{secrets.token_urlsafe(32)}"
