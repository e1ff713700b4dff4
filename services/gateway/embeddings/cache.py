"""Vectors by what they were made from: the least recently used are let go."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

_OVERHEAD_BYTES = 256  # of an entry: its key, its object, its place


@dataclass(frozen=True, slots=True)
class Made:
    """A vector (float32 in the machine's order) and how many tokens its text has."""

    values: bytes
    token_count: int


class CacheMetrics:
    """What is counted of the cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.looked_up = Counter(
            "quadrille_gateway_embedding_cache_lookups_total",
            "Texts looked up in the cache of embeddings: hit, miss",
            ["outcome"],
            registry=registry,
        )
        self.bytes = Gauge(
            "quadrille_gateway_embedding_cache_bytes", "Bytes of kept embeddings", registry=registry
        )


class VectorCache:
    """At most `most_bytes`; holds no text, only digests under a key of its own process."""

    def __init__(self, most_bytes: int, metrics: CacheMetrics) -> None:
        self._most_bytes = most_bytes
        self._metrics = metrics
        self._made: OrderedDict[bytes, Made] = OrderedDict()
        self._secret = secrets.token_bytes(32)
        self.size_bytes = 0

    def key(self, *parts: str) -> bytes:
        """Of all that a vector depends on; different parts have different keys."""
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            encoded = part.encode(errors="surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.digest()

    def find(self, keys: Sequence[bytes]) -> list[Made | None]:
        """What is known, in the order of the keys."""
        found = [self._made.get(key) for key in keys]
        for key, made in zip(keys, found, strict=True):
            if made is not None:
                self._made.move_to_end(key)
        hits = len(keys) - found.count(None)
        self._metrics.looked_up.labels("hit").inc(hits)
        self._metrics.looked_up.labels("miss").inc(len(keys) - hits)
        return found

    def keep(self, key: bytes, made: Made) -> None:
        """Remember a vector."""
        if (before := self._made.pop(key, None)) is not None:
            self.size_bytes -= _size_bytes(before)
        self._made[key] = made
        self.size_bytes += _size_bytes(made)
        while self.size_bytes > self._most_bytes:
            self.size_bytes -= _size_bytes(self._made.popitem(last=False)[1])
        self._metrics.bytes.set(self.size_bytes)


def _size_bytes(made: Made) -> int:
    return len(made.values) + _OVERHEAD_BYTES
