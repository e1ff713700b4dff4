"""Who calls, and what they may: API keys, scopes, and on whose behalf."""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from serving.call import Principal
from serving.delegation import NOBODY, ActingFor
from serving.errors import PermissionDenied, Unauthenticated
from serving.key_watch import KeyWatch
from serving.keys import ApiKey, Tenant, digest, key_id
from serving.limits import Standing

_ADMIN_SERVICES = frozenset(
    {
        "quadrille.retrieval.v1.AdminService",
        "quadrille.text.v1.AdapterService",
        "quadrille.image.v1.AdapterService",
    }
)
# Services of protocols that are not ours, and the scope of what they do here.
_OTHERS = {"inference.GRPCInferenceService": "text"}
_NO_TENANT = Tenant()
_ANYBODY = Principal()


class KeyStore:
    """The keys that a server accepts; with none configured every caller is anonymous and may do all."""

    def __init__(
        self,
        keys: Iterable[ApiKey] | None = None,
        tenants: Mapping[str, Tenant] | None = None,
        *,
        watch: KeyWatch | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.enabled = keys is not None
        self._watch = watch
        self._now = now
        self._take(keys or (), tenants or {})

    @classmethod
    def load(cls, path: Path | None) -> "KeyStore":
        """Read a key file, and again whenever it changes; None makes a store that asks for no key.

        Raises ValueError that says what is wrong.
        """
        if path is None:
            return cls()
        watch = KeyWatch(path)
        return cls(watch.first.keys, watch.first.tenants, watch=watch)

    def authenticate(self, token: str | None, acting: ActingFor = NOBODY) -> Principal:
        """Who holds this token, or whom its holder acts for, which takes the scope "delegate".

        Who acts for a name leaves "admin" and "delegate" aside. Raises Unauthenticated, and PermissionDenied for
        whom the key may not act for.
        """
        if not self.enabled:
            return _as(_ANYBODY, acting)
        if self._watch is not None and (content := self._watch.changed()) is not None:
            self._take(content.keys, content.tenants)
        key = self._find(token) if token else None
        if key is None or not key.admits(self._now()):
            raise Unauthenticated("a valid API key is needed: send metadata 'authorization: Bearer <key>'")
        if "delegate" not in key.scopes:
            if acting.tenant and acting.tenant != key.tenant:
                raise PermissionDenied("this key may not act for another tenant")
            if acting.name is not None:
                raise PermissionDenied("this key may not act for another principal")
        principal = _as(Principal(key.name, key.tenant, key.scopes, key.groups), acting)
        return replace(principal, standing=self._standing(key, principal.tenant))

    def _take(self, keys: Iterable[ApiKey], tenants: Mapping[str, Tenant]) -> None:
        self._by_id: dict[str, list[ApiKey]] = {}
        for key in keys:
            self._by_id.setdefault(key.id, []).append(key)
        self._tenants = dict(tenants)

    def _find(self, token: str) -> ApiKey | None:
        """The entry of a token. The whole digests are compared in constant time."""
        shown = digest(token)
        found = None
        for key in self._by_id.get(key_id(shown), ()):
            if hmac.compare_digest(key.sha256, shown):
                found = key
        return found

    def _standing(self, key: ApiKey, tenant: str) -> Standing:
        shared = self._tenants.get(tenant, _NO_TENANT)
        return Standing(f"{key.tenant}/{key.name}", key.limits, key.priority, shared.limits, shared.weight)


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
    if service in _OTHERS:
        return _OTHERS[service]
    if service in _ADMIN_SERVICES:
        return "admin"
    parts = service.split(".")
    return parts[1] if parts[0] == "quadrille" and len(parts) > 2 else "admin"


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization value, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
