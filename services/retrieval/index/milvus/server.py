"""One store's collections in a Milvus, each a sealed segment."""

import contextlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
import structlog
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException
from serving.errors import Unavailable

log = structlog.get_logger(__name__)

# What is asked while others wait, a search among them, is waited for no longer: pymilvus would wait for ever.
ANSWER_S = 10.0
_RETRY_S = 5.0
_NAME = re.compile(r"quadrille_[0-9a-f]{32}_[0-9a-f]{32}")


class Milvus:
    """A connection; any thread may use it. Whoever has the same identity takes these collections for its own.

    Raises Unavailable when the server does not answer.
    """

    def __init__(self, uri: str, token: str, identity: str) -> None:
        self._prefix = f"quadrille_{identity}_"
        with asked():
            self.client: Any = MilvusClient(uri=uri, token=token)
            self.client.list_collections(timeout=ANSWER_S)

    def new_name(self) -> str:
        """Return a name that was never used."""
        return f"{self._prefix}{uuid.uuid4().hex}"

    def drop(self, path: Path) -> None:
        """Drop the collection that a segment's index file names; a failure leaves it to the next `sweep`."""
        if (name := name_in(path)) is not None:
            self.drop_named(name)

    def drop_named(self, name: str) -> None:
        """Drop a collection; one that is not there is passed over."""
        try:
            self.client.drop_collection(name, timeout=ANSWER_S)
        except Exception as error:
            log.warning("milvus_collection_not_dropped", name=name, error=repr(error))

    def sweep(self, kept: Iterable[Path]) -> None:
        """Drop all of this store's collections that none of these index files names."""
        known = {name_in(path) for path in kept}
        with asked():
            found = self.client.list_collections(timeout=ANSWER_S)
        for name in found:
            if name.startswith(self._prefix) and name not in known:
                self.drop_named(name)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


def identity(path: Path) -> str:
    """Return a store's identity, which is made when the file is not there."""
    if not path.exists():
        path.write_text(uuid.uuid4().hex)
    return path.read_text().strip()


def name_in(path: Path) -> str | None:
    """Return the collection that a segment's index file names, None when it names none."""
    try:
        name = json.loads(path.read_text())["collection"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


@contextlib.contextmanager
def asked() -> Iterator[None]:
    """Raise Unavailable in place of what a Milvus that fails or does not answer raises."""
    try:
        yield
    except (MilvusException, grpc.RpcError) as error:  # of some status codes, gRPC's own
        log.warning("milvus_failed", error=repr(error))
        raise Unavailable("the vectors' Milvus cannot be asked", _RETRY_S) from error
