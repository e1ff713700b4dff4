"""Page tokens: opaque to callers, and good only for the listing that gave them out. Pure."""

import base64
import binascii
import hashlib

from serving.errors import InvalidInput

_DIGEST_BYTES = 8
_MAX_TOKEN_LENGTH = 2048


def encode_token(scope: str, last: str) -> str:
    """Return the token of the page after `last`. `scope` names the listing: tenant, collection, filter."""
    key = last.encode()
    return base64.urlsafe_b64encode(_digest(scope, key) + key).decode().rstrip("=")


def decode_token(scope: str, token: str) -> str:
    """Return the key to go on after, "" for the first page; raises InvalidInput on a token not of `scope`."""
    if not token:
        return ""
    try:
        if len(token) > _MAX_TOKEN_LENGTH:
            raise ValueError("too long")
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        key = raw[_DIGEST_BYTES:]
        if raw[:_DIGEST_BYTES] != _digest(scope, key):
            raise ValueError("of another listing")
        return key.decode()
    except (ValueError, binascii.Error):
        raise InvalidInput("page_token", "is not a token that this listing gave out") from None


def _digest(scope: str, key: bytes) -> bytes:
    scope_bytes = scope.encode()
    return hashlib.sha256(len(scope_bytes).to_bytes(8) + scope_bytes + key).digest()[:_DIGEST_BYTES]
